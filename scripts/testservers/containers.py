"""The servers that only a container has for real, from the images of docker-compose.yml.

Those are MongoDB itself and the whole of Elasticsearch. Redis is the real one
from packages too, and the emulators of Google's services are the same thing
either way, with a folder in common that containers would have to share.
"""

import functools
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from . import probes
from .folder import Folder
from .install import SCRIPTS, run, say
from .process import Process, Unavailable
from .server import Server


@functools.cache
def engine() -> bool:
    """Whether a container engine answers: a docker command alone is no engine."""
    if not shutil.which("docker"):
        return False
    try:
        for question in (["docker", "info"], ["docker", "compose", "version"]):
            subprocess.run(question, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


class Container(Process):
    """A service of docker-compose.yml in place of a process."""

    compose: tuple[str, ...] = ()

    def alive(self) -> bool:
        return bool(run(*self.compose, "ps", "--quiet", "--status", "running", self.name).strip())

    def start(self) -> None:
        if self.cancelled.is_set():
            raise Unavailable("interrupted")
        run(*self.compose, "up", "--detach", "--wait", "--wait-timeout", "180", "--no-deps", self.name)

    def wait(self) -> None:
        """The health check has answered already; what remains is the way in from here."""
        probes.until(self.ready, f"{self.name} is not ready in its container", self.patience)

    def stop(self) -> bool:
        return self._end("stop")

    def kill(self) -> bool:
        return self._end("kill")

    def _end(self, how: str) -> bool:
        ran = self.alive()
        run(*self.compose, how, self.name)
        return ran


def contained(recipe: type[Server], service_port: int) -> type[Server]:
    """Returns the recipe with a container in place of its process, where an engine answers.

    What was chosen at the first start stays with the data until `stop --wipe`.
    """

    class Contained(recipe):
        def prepare(self):
            if not self._choice().exists():
                self._choose()
            return {self.name: []} if self._by_container() else super().prepare()

        def process(self, part, argv=None):
            process = super().process(part, argv)
            if not self._by_container():
                return process
            container = Container(part, process.home, process.ports, [], process.ready, cancelled=process.cancelled)
            container.compose = _compose(self.folder)
            return container

        def wipe(self):
            if self._by_container():
                run(*_compose(self.folder), "down", "--volumes")

        def _choose(self) -> None:
            choice = "package"
            if engine() and not self.folder.only_packages:
                try:
                    self._write_ports()
                    run(*_compose(self.folder), "pull", "--quiet", self.name)
                    choice = "container"
                except Unavailable as e:
                    say(f"{self.name}: not by a container: {e}")
            self._choice().write_text(choice, encoding="ascii")

        def _write_ports(self) -> None:
            """Publishes the port on loopback: the compose file keeps stores in a network without a way in."""
            changes = {
                "restart": "no",  # a killed server stays down until it is started
                "ports": [f"127.0.0.1:{self.folder.port(self.name)}:{service_port}"],
                "networks": ["outside"],
            }
            _changes(self.folder, self.name).write_text(json.dumps({"services": {self.name: changes}}), encoding="utf-8")

        def _choice(self) -> Path:
            return self.home(self.name) / "made-of"

        def _by_container(self) -> bool:
            return self._choice().exists() and self._choice().read_text(encoding="ascii") == "container"

    return Contained


def _changes(folder: Folder, name: str) -> Path:
    return folder.of(name) / "compose.json"


def _compose(folder: Folder) -> tuple[str, ...]:
    """The command for this folder's project: other folders, and the stack itself, have their own."""
    root = SCRIPTS.parent
    project = "weft-test-" + hashlib.sha256(str(folder.path).encode()).hexdigest()[:12]
    files = [root / "docker-compose.yml", *sorted(folder.path.glob("*/compose.json"))]
    flags = [word for file in files for word in ("--file", str(file))]
    return ("docker", "compose", "--project-name", project, "--project-directory", str(root), *flags)

"""What every server has in common: processes that are installed, started, waited for and stopped."""

import time
from pathlib import Path

from .folder import Folder
from .install import say
from .process import Process, Unavailable


class Server:
    """A server of one folder. A recipe says what is special about each."""

    name = ""
    about = ""
    variables: tuple[str, ...] = ()
    stages: tuple[tuple[str, ...], ...] = ()  # processes that start together, one stage after the other

    def __init__(self, folder: Folder):
        self.folder = folder

    # What a recipe says:

    def prepare(self) -> dict[str, list[str]]:
        """Installs what is missing, and returns the command line of each process."""
        raise NotImplementedError

    def ports(self, part: str) -> list[int]:
        """The ports of a process."""
        return [self.folder.port(part)]

    def env(self, part: str) -> dict[str, str]:  # noqa: ARG002 for recipes
        """Variables for a process."""
        return {}

    def ready(self, part: str) -> bool:
        """Whether a process answers; may raise OSError while it doesn't."""
        raise NotImplementedError

    def settle(self) -> None:
        """What is to be done, or waited for, once all processes are ready."""

    def urls(self) -> dict[str, str]:
        """The value of each variable."""
        raise NotImplementedError

    # What all of them do:

    def parts(self) -> list[str]:
        return [part for stage in self.stages for part in stage]

    def home(self, part: str) -> Path:
        return self.folder.of(part)

    def process(self, part: str, argv: list[str] | None = None) -> Process:
        return Process(
            part, self.home(part), self.ports(part), argv or [], lambda: self.ready(part), self.env(part), self.folder.cancelled
        )  # fmt: skip

    def start(self) -> bool:
        """Starts what is down; says whether anything was. On trouble nothing that it started is left."""
        began = time.monotonic()
        command = self.prepare()
        installed = time.monotonic()
        started: list[Process] = []
        try:
            for stage in self.stages:
                processes = [self.process(part, command[part]) for part in stage]
                for process in processes:
                    if not process.alive():
                        started.append(process)
                        process.start()
                for process in processes:
                    process.wait()
            self.settle()
        except BaseException as e:
            for process in started:
                process.kill()
            if isinstance(e, OSError):
                raise Unavailable(f"{self.name}: {e}") from e
            raise
        self._tell(bool(started), installed - began, time.monotonic() - installed)
        return bool(started)

    def install(self) -> None:
        """Downloads what is missing."""
        began = time.monotonic()
        self.prepare()
        say(f"{self.name}: installed ({time.monotonic() - began:.1f} s)")

    def start_part(self, part: str) -> None:
        """Starts one process, whatever the others do."""
        process = self.process(part, self.prepare()[part])
        process.start()
        process.wait()
        say(f"{part}: ready")

    def stop(self) -> bool:
        """Asks every process to end, the last started first; says whether any ran."""
        ran = False
        for part in reversed(self.parts()):
            process = self.process(part)
            if process.alive():
                ran = True
            process.stop()
        return ran

    def wipe(self) -> None:
        """Deletes what a server keeps outside of its folder."""

    def state(self) -> str:
        """up, down or the parts that are up."""
        up = [part for part in self.parts() if self.process(part).alive()]
        if len(up) == len(self.parts()):
            return "up"
        return "only " + ", ".join(up) if up else "down"

    def _tell(self, started: bool, installing: float, starting: float) -> None:
        if not self.parts():
            say(f"{self.name}: there ({installing:.1f} s)")
        elif started:
            took = f" after installing for {installing:.1f} s" if installing > 1 else ""
            say(f"{self.name}: ready in {starting:.1f} s{took}")
        else:
            say(f"{self.name}: is up")

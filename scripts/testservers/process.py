"""One process of a server: started so that it outlives us, found again by its pid file."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .folder import bindable


class Unavailable(Exception):
    """Why a server can't be had; the text is for people."""


# The shell writes its own pid and becomes the server: however we end, a server
# that runs is in a pid file.
BECOME = 'echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@"'


@dataclass
class Process:
    """A process, with its data, log and pid file in a folder of its own."""

    name: str
    home: Path
    ports: list[int]
    argv: list[str]  # names home, so that a stranger with the same pid is known as one
    ready: Callable[[], bool]  # may raise OSError while the server is not there
    env: dict[str, str] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)  # nothing starts any more
    patience: float = 180  # seconds until it must be ready, on a machine with much to do

    def alive(self) -> bool:
        return self._pid() is not None

    def start(self) -> None:
        """Starts the process, unless it runs."""
        if self.alive():
            return
        if self.cancelled.is_set():
            raise Unavailable("interrupted")
        for port in self.ports:
            if not bindable(port):
                raise Unavailable(
                    f"port {port} of {self.name} is used by another program; "
                    "end that, or choose new ports: scripts/services stop --wipe"
                )
        with open(self.log, "ab") as log:
            child = subprocess.Popen(
                ["sh", "-c", BECOME, str(self._pid_file), *self.argv],
                cwd=self.home,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us, not for the servers
            )
        while not self.alive() and child.poll() is None:
            time.sleep(0.005)

    def wait(self) -> None:
        """Returns when the server answers."""
        deadline = time.monotonic() + self.patience
        trouble = "no answer"
        while time.monotonic() < deadline:
            try:
                if self.ready():
                    return
            except OSError as e:
                trouble = str(e)
            if self.cancelled.is_set():
                raise Unavailable("interrupted")
            if not self.alive():
                raise Unavailable(f"{self.name} ended: {self._last_words()} (all of it in {self.log})")
            time.sleep(0.03)
        raise Unavailable(f"{self.name} is not ready after {self.patience:.0f} s: {trouble} ({self.log})")

    def stop(self) -> bool:
        """Asks the process to end and waits until it has; says whether it ran."""
        return self._end(signal.SIGTERM, patience=15)

    def kill(self) -> bool:
        """Ends the process by SIGKILL; says whether it ran."""
        return self._end(signal.SIGKILL, patience=60)

    def _end(self, how: signal.Signals, patience: float) -> bool:
        pid = self._pid()
        if pid is None:
            self._pid_file.unlink(missing_ok=True)
            return False
        _signal(pid, how)
        deadline = time.monotonic() + patience
        while self.alive():
            if time.monotonic() > deadline:
                _signal(pid, signal.SIGKILL)
            time.sleep(0.01)
        # A dying process loses its command line before its sockets.
        while not all(map(bindable, self.ports)) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._pid_file.unlink(missing_ok=True)
        return True

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def _pid_file(self) -> Path:
        return self.home / "pid"

    def _pid(self) -> int | None:
        """The pid, if that process is ours: its command line names our folder."""
        try:
            pid = int(self._pid_file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None
        return pid if str(self.home) in _command_line(pid) else None

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            lines = []
        return " / ".join(line.strip() for line in lines[-6:] if line.strip()) or "without a word"


def _signal(pid: int, how: signal.Signals) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        pass


def _command_line(pid: int) -> str:
    """The command line of a process that runs, or nothing; a zombie has none."""
    if os.path.isdir("/proc/self"):
        try:
            for _ in range(100):
                line = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
                state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
                if line or state in "ZX":
                    return line
                time.sleep(0.001)  # one that just becomes another program has none for a moment
        except OSError:
            pass
        return ""
    shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "" if "<defunct>" in shown.stdout else shown.stdout

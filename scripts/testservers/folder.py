"""What one --dir remembers: the ports, and which servers were asked to stay."""

import contextlib
import fcntl
import json
import os
import random
import secrets
import shutil
import socket
import threading
from pathlib import Path

# Below the ports that the kernel gives to outgoing connections (from 32768 on
# Linux), so that the port of a killed server isn't taken by a client's socket
# before the server is back; and so low that a Redis Cluster's bus (+10000) is too.
PORTS = range(10000, 22000)
BUS = 10000


class Folder:
    """A folder with the data, logs and ports of one set of servers."""

    def __init__(self, path: Path, only_packages: bool = False):
        self.path = path
        self.only_packages = only_packages  # also where a container engine answers
        self.cancelled = threading.Event()
        self._mutex = threading.Lock()

    @contextlib.contextmanager
    def locked(self):
        """Holds off other processes that start or stop servers of this folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / "lock", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def used(self):
        """Says that a command needs the servers; yields a function that tells whether it is the last."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / "users", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH)

            def last() -> bool:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return True

            yield last

    def of(self, name: str) -> Path:
        """The folder of one server or process."""
        path = self.path / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def port(self, name: str) -> int:
        """The port that belongs to name: chosen once, then always the same."""
        return self._remembered("ports.json", name, self._free)

    def secret(self, name: str) -> str:
        """A password of this folder, chosen once."""
        return self._remembered("secrets.json", name, lambda _: secrets.token_hex(16))

    def kept(self) -> set[str]:
        """The servers that stay up until `stop`."""
        return set(self._read("kept.json"))

    def keep(self, names: set[str]) -> None:
        with self._mutex:
            self._write("kept.json", dict.fromkeys(sorted(names), True))

    def wipe(self) -> None:
        """Deletes everything but the locks."""
        for entry in self.path.iterdir():
            if entry.name in ("lock", "users"):
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _remembered(self, file: str, name: str, choose):
        with self._mutex:
            known = self._read(file)
            if name not in known:
                known[name] = choose(set(known.values()))
                self._write(file, known)
            return known[name]

    def _free(self, taken: set[int]) -> int:
        for port in random.sample(PORTS, len(PORTS)):
            if port not in taken and bindable(port) and bindable(port + BUS):
                return port
        raise OSError(f"no free port between {PORTS.start} and {PORTS.stop}")

    def _read(self, file: str) -> dict:
        try:
            return json.loads((self.path / file).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def _write(self, file: str, content: dict) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        new = self.path / (file + ".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        os.replace(new, self.path / file)


def bindable(port: int) -> bool:
    """Whether a server could listen on the port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

"""A few words of each server's protocol: enough to see that it is ready."""

import http.client
import json
import socket
import ssl
import struct
import time
from collections.abc import Callable


def http_ok(port: int, path: str) -> Callable[[], bool]:
    """Whether GET path answers 200."""

    def ready() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except http.client.HTTPException as e:
            raise OSError(str(e)) from e
        finally:
            connection.close()

    return ready


def mongo_primary(port: int) -> Callable[[], bool]:
    """Whether hello answers that the server takes writes."""
    body = b"\x10hello\x00\x01\x00\x00\x00" + b"\x02$db\x00\x06\x00\x00\x00admin\x00"
    document = struct.pack("<i", len(body) + 5) + body + b"\x00"
    message = struct.pack("<iiiiIB", 21 + len(document), 1, 0, 2013, 0, 0) + document  # OP_MSG, one section

    def ready() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(message)
            answer = b""
            while len(answer) < 4 or len(answer) < struct.unpack("<i", answer[:4])[0]:
                part = connection.recv(65536)
                if not part:
                    raise OSError("connection closed")
                answer += part
        return b"\x08isWritablePrimary\x00\x01" in answer

    return ready


class Redis:
    """A connection to a Redis server. An error that it answers is an OSError."""

    def __init__(self, port: int, ca: str = "", auth: tuple[str, str] | None = None):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        if ca:
            context = ssl.create_default_context(cafile=ca)
            self._socket = context.wrap_socket(self._socket, server_hostname="127.0.0.1")
        self._file = self._socket.makefile("rb")
        if auth:
            self.call("AUTH", *auth)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()

    def call(self, *words):
        """Sends one command and returns the answer: str, int, list or None."""
        parts = [str(word).encode() for word in words]
        message = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)
        self._socket.sendall(message)
        return self._answer()

    def _answer(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("connection closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise OSError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self._file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return rest


def redis_pong(port: int, ca: str = "", auth: tuple[str, str] | None = None) -> Callable[[], bool]:
    """Whether PING is answered, which it isn't while the data is being read."""

    def ready() -> bool:
        with Redis(port, ca, auth) as redis:
            return redis.call("PING") == "PONG"

    return ready


def until(fact: Callable[[], bool], what: str, patience: float = 30) -> None:
    """Waits for a fact; an OSError on the way means not yet."""
    deadline = time.monotonic() + patience
    trouble = ""
    while time.monotonic() < deadline:
        try:
            if fact():
                return
        except OSError as e:
            trouble = f": {e}"
        time.sleep(0.05)
    raise OSError(f"{what} after {patience:.0f} s{trouble}")


def elastic_ready(port: int) -> Callable[[], bool]:
    """Whether the node has a master and every primary shard that it kept is back."""

    def ready() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/_cluster/health")
            answer = connection.getresponse()
            return answer.status == 200 and json.loads(answer.read())["status"] in ("green", "yellow")
        except (http.client.HTTPException, ValueError) as e:
            raise OSError(str(e)) from e
        finally:
            connection.close()

    return ready

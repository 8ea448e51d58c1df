"""The commands of scripts/services."""

import argparse
import concurrent.futures
import contextlib
import hashlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import install
from .folder import Folder
from .install import SCRIPTS, cache, say
from .process import Unavailable
from .recipes import RECIPES
from .server import Server

HELP = """\
Starts the servers that Weft's tests need, on loopback and free ports.

  scripts/services run -- go test ./...       start what is down, run, stop what was started
  eval "$(scripts/services start --env)"      start, and tell this shell the URLs
  scripts/services status                     what is up, and where its data and log are
  scripts/services kill mongo                 SIGKILL, as a crash does it
  scripts/services restart mongo              what is down again, same port, data kept
  scripts/services stop                       stop everything; --wipe also deletes data and ports
  scripts/services install                    only download

Every command may be repeated. Downloads are kept in {cache} for all checkouts;
each --dir has servers, ports and data of its own, and the default one belongs to
this checkout. A server that can't be had doesn't stop the others: its reason is
in NAME_MISSING, the tests that need it skip with it, and fail where CI is set.

servers:
{servers}
A name of --only, kill and restart is a server, one of its processes
({processes} …), or a variable."""


def main() -> int:
    for wanted in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(wanted, _interrupt)
    args = _parser().parse_args()
    folder = Folder(Path(args.dir).resolve() if args.dir else _default(), getattr(args, "packages", False))
    try:
        return args.do(args, [recipe(folder) for recipe in RECIPES], folder)
    except Unavailable as e:
        say(f"services: {e}")
    except KeyboardInterrupt:
        say("services: interrupted")
        return 130
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def start(args, servers: list[Server], folder: Folder) -> int:
    wanted = _only(servers, args.only)
    with folder.locked():
        found = _up(wanted)
        folder.keep(folder.kept() | {s.name for s in wanted})
    _print(found, "export " if args.env else "")
    if not args.env:
        say('The variables for a shell: eval "$(scripts/services start --env)"')
    return 1 if any(name.endswith("_MISSING") for name in found) else 0


def run(args, servers: list[Server], folder: Folder) -> int:
    if not args.command:
        raise Unavailable("run what? For instance: scripts/services run -- go test ./...")
    with folder.used() as last:
        try:
            with folder.locked():
                found = _up(_only(servers, args.only))
            # The command sees these servers and no others, whatever our own environment has.
            foreign = {name + end for s in servers for name in s.variables for end in ("", "_MISSING")}
            return _command(args.command, {k: v for k, v in os.environ.items() if k not in foreign} | found)
        finally:
            # Interrupting this would leave servers behind.
            with _uninterrupted(), folder.locked():
                if last():
                    _each([s for s in servers if s.name not in folder.kept()], Server.stop)


def stop(args, servers: list[Server], folder: Folder) -> int:
    if args.wipe and args.only:
        raise Unavailable("--wipe is for all servers of a folder, without --only")
    wanted = _only(servers, args.only)
    if not folder.path.exists():
        return 0
    with folder.locked():
        folder.keep(folder.kept() - {s.name for s in wanted})
        for server, ran in _each(wanted, Server.stop).items():
            if isinstance(ran, Exception):
                raise ran
            if ran:
                say(f"{server.name}: stopped")
        if args.wipe:
            for server in wanted:
                server.wipe()
            folder.wipe()
    return 0


def status(_, servers: list[Server], folder: Folder) -> int:
    print(f"folder  {folder.path}\ncache   {cache()}")
    if not folder.path.exists():
        print("nothing was ever started")
        return 0
    for server in servers:
        if not server.parts():
            continue
        state = server.state()
        print(f"{server.name:14} {state}")
        if state != "down":
            _print(server.urls(), "  ")
    return 0


def kill(args, servers: list[Server], folder: Folder) -> int:
    for server, part in _named(servers, args.name):
        process = server.process(part)
        if not process.kill():
            raise Unavailable(f"{part} does not run in {folder.path}")
        say(f"{part}: killed")
    return 0


def restart(args, servers: list[Server], folder: Folder) -> int:
    named = _named(servers, args.name)
    with folder.locked():
        if args.name in named[0][0].parts():
            named[0][0].start_part(args.name)
        else:
            named[0][0].start()
    return 0


def install_only(args, servers: list[Server], _) -> int:
    missing = 0
    for server, outcome in _each(_only(servers, args.only), Server.install).items():
        if isinstance(outcome, Exception):
            missing = 1
            say(f"{server.name}: MISSING: {_reason(outcome)}")
    return missing


def _up(servers: list[Server]) -> dict[str, str]:
    """Starts the servers side by side; returns their variables, or why there are none."""
    down = [s for s in servers if s.state() != "up"]
    try:
        outcomes = _each(servers, Server.start)
    except KeyboardInterrupt:
        with _uninterrupted():
            _each(down, Server.stop)
        raise
    found = {}
    for server, outcome in outcomes.items():
        if isinstance(outcome, Exception):
            reason = _reason(outcome)
            say(f"{server.name}: MISSING: {reason}")
            found |= {f"{name}_MISSING": reason for name in server.variables}
        else:
            found |= server.urls()
    return found


def _reason(error: Exception) -> str:
    """One line; what we didn't foresee is said with its type."""
    kind = "" if isinstance(error, Unavailable) else type(error).__name__ + ": "
    return kind + " ".join(str(error).split())


def _each(servers: list[Server], do: Callable[[Server], object]) -> dict[Server, object]:
    """Does it to all servers at once; returns for each what came out, or the error."""
    if not servers:
        return {}
    with concurrent.futures.ThreadPoolExecutor(len(servers)) as pool:
        futures = {server: pool.submit(do, server) for server in servers}
        try:
            concurrent.futures.wait(futures.values())
        except KeyboardInterrupt:
            servers[0].folder.cancelled.set()
            install.abort()
            raise  # when the threads have ended
    return {server: future.exception() or future.result() for server, future in futures.items()}


def _command(command: list[str], env: dict[str, str]) -> int:
    """Runs a command in a process group of its own, to which signals are passed on."""
    try:
        child = subprocess.Popen(command, env=env, process_group=0)
    except OSError as e:
        raise Unavailable(f"{command[0]}: {e.strerror}") from e

    def pass_on(number, _):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)

    before = {s: signal.signal(s, pass_on) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _uninterrupted():
    before = {s: signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(*_):
    raise KeyboardInterrupt


def _only(servers: list[Server], names: str) -> list[Server]:
    if not names:
        return servers
    wanted = {_named(servers, name)[0][0] for name in names.split(",")}
    return [s for s in servers if s in wanted]


def _named(servers: list[Server], name: str) -> list[tuple[Server, str]]:
    """The processes that a name stands for, each with its server."""
    for server in servers:
        if name == server.name or name in server.variables:
            return [(server, part) for part in server.parts()] or [(server, server.name)]
    for server in servers:
        if name in server.parts():
            return [(server, name)]
    raise Unavailable(f"there is no server {name!r}; there are {', '.join(s.name for s in servers)}")


def _print(variables: dict[str, str], prefix: str) -> None:
    for name, value in variables.items():
        print(f"{prefix}{name}={shlex.quote(value)}", flush=True)


def _default() -> Path:
    """The folder of this checkout."""
    checkout = SCRIPTS.parent
    digest = hashlib.sha256(str(checkout).encode()).hexdigest()[:8]
    return cache() / "run" / f"{checkout.name}-{digest}"


def _parser() -> argparse.ArgumentParser:
    servers = "".join(f"  {r.name:14} {r.about}\n  {'':14} {' '.join(r.variables)}\n" for r in RECIPES)
    parts = ", ".join(part for r in RECIPES for stage in r.stages for part in stage if part != r.name)
    parser = argparse.ArgumentParser(
        prog="scripts/services",
        description=HELP.format(cache=cache(), servers=servers, processes=parts),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, do, text: str, only: bool = True, starts: bool = False) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(do=do)
        sub.add_argument("--dir", metavar="D", help="where data, ports and logs are (default: a folder of this checkout)")
        if only:
            sub.add_argument("--only", metavar="A,B", default="", help="these servers (default: all)")
        if starts:
            sub.add_argument("--packages", action="store_true", help="no containers, even where docker answers")
        return sub

    sub = command("start", start, "start what is down, and leave it up", starts=True)
    sub.add_argument("--env", action="store_true", help="print nothing but `export NAME=URL` lines")
    sub = command("run", run, "start what is down, run a command with the variables, stop what was started for it", starts=True)
    sub.add_argument("command", nargs="*", metavar="-- COMMAND")
    sub = command("stop", stop, "stop everything; data and ports stay")
    sub.add_argument("--wipe", action="store_true", help="delete data and ports of all servers too")
    command("status", status, "show what is up", only=False)
    command("kill", kill, "end a server by SIGKILL", only=False).add_argument("name", metavar="NAME")
    text = "start again what is down of a server; what started it stops it"
    command("restart", restart, text, only=False).add_argument("name", metavar="NAME")
    command("install", install_only, "download what the servers are made of, and start nothing", starts=True)
    return parser

"""What servers are made of: downloaded once into the cache folder, shared by all checkouts."""

import contextlib
import fcntl
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

from .process import Unavailable

SCRIPTS = Path(__file__).resolve().parent.parent
_apt = threading.Lock()
_children: set[subprocess.Popen] = set()


def cache() -> Path:
    """The folder of downloads: delete it, and the next start downloads again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "weft" / "services"


def once(name: str, made_of: str, make: Callable[[Path], None]) -> Path:
    """Returns the folder that make fills; it does so once for each version of what it is made of."""
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{digest}"
    done = folder / ".complete"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another checkout may be at it
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was interrupted
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def venv(name: str, *requirements: str) -> Path:
    """Returns the folder of a virtual environment with these packages."""

    def make(folder: Path) -> None:
        need("ensurepip", "python3-venv", have=_has_ensurepip)
        run(sys.executable, "-m", "venv", "--clear", str(folder))
        # Python compiles what is imported, when it is: pip would compile everything, for most of its time.
        pip = (str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check")
        run(*pip, *requirements)

    return once(name, "\n".join([*requirements, sys.executable, sys.version, platform.machine()]), make)


def elasticsearch(version: str) -> Path:
    """Returns Elasticsearch's home: its jars from Maven Central, and our launcher.

    Elastic publishes the server and its HTTP transport as jars, but no module
    for GET /, which every client asks first: src/root stands in for it.
    """
    ours = SCRIPTS / "elasticsearch"
    sources = sorted(p for p in ours.rglob("*") if p.is_file())

    def make(home: Path) -> None:
        need("java", "default-jdk-headless")
        need("javac", "default-jdk-headless")
        need("mvn", "maven")
        lib, netty, root = home / "lib", home / "modules/transport-netty4", home / "modules/root"
        for folder in (lib, netty, root, home / "plugins", home / "config", home / "launcher", home / "classes"):
            folder.mkdir(parents=True)
        run("mvn", "-B", "-q", "-f", str(ours / "pom.xml"), f"-Delasticsearch.version={version}", f"-DoutputDirectory={lib}",
            "dependency:copy-dependencies")  # fmt: skip
        for jar in [*lib.glob("netty-*"), *lib.glob("transport-netty4-*")]:
            jar.rename(netty / jar.name)
        _take_descriptor(netty / f"transport-netty4-{version}.jar", netty)
        run("javac", "-nowarn", "-cp", f"{lib}/*", "-d", str(home / "launcher"), str(ours / "src/Launcher.java"))
        run("javac", "-nowarn", "-cp", f"{lib}/*", "-d", str(home / "classes"), str(ours / "src/Root.java"))
        with zipfile.ZipFile(root / "root.jar", "w") as jar:
            for file in (home / "classes").rglob("*.class"):
                jar.write(file, file.relative_to(home / "classes"))
        described = (ours / "plugin-descriptor.properties").read_text(encoding="utf-8")
        (root / "plugin-descriptor.properties").write_text(described.replace("@VERSION@", version), encoding="utf-8")
        shutil.copy(ours / "log4j2.properties", home / "config")

    return once("elasticsearch", version + "".join(p.read_text(encoding="utf-8") for p in sources), make)


def need(command: str, package: str, have: Callable[[str], object] = shutil.which) -> str:
    """Returns the path of a command, and as root on Debian installs its package first."""
    with _apt:
        if not have(command):
            if os.geteuid() != 0 or not shutil.which("apt-get"):
                raise Unavailable(f"there is no {command}; on Debian: apt-get install {package}")
            say(f"apt-get install {package}")
            apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
            _update(*apt, "update")
            run(*apt, "install", "-y", "--no-install-recommends", package, DEBIAN_FRONTEND="noninteractive")
        found = have(command)
    if not found:
        raise Unavailable(f"there is no {command}, even with {package} installed")
    return str(found)


def run(*argv: str, **env: str) -> str:
    """Runs a command and returns what it wrote; Unavailable has its last words."""
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", env={**os.environ, **env},
    )  # fmt: skip
    _children.add(child)
    try:
        output, _ = child.communicate()
    finally:
        _children.discard(child)
    if child.returncode != 0:
        lines = [line.strip() for line in output.split("\n") if line.strip()]
        raise Unavailable(f"{' '.join(argv[:4])} …: {' / '.join(lines[-4:]) or f'exit status {child.returncode}'}")
    return output


def abort() -> None:
    """Ends the downloads that are under way; the next start begins them anew."""
    for child in list(_children):
        child.terminate()


def say(text: str) -> None:
    """Progress, which never mixes with what --env prints."""
    with contextlib.suppress(BrokenPipeError):
        print(text, file=sys.stderr, flush=True)


@functools.cache
def _update(*apt: str) -> None:
    run(*apt, DEBIAN_FRONTEND="noninteractive")


def _has_ensurepip(_: str) -> bool:
    return subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0


def _take_descriptor(jar: Path, folder: Path) -> None:
    """Copies the plugin's descriptor and policy, which Elasticsearch wants beside the jar, out of it."""
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.startswith("META-INF/es-plugins/transport-netty4/") and not name.endswith("/"):
                (folder / Path(name).name).write_bytes(archive.read(name))

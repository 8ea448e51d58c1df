"""Redis alone, with TLS and an ACL user, with Sentinel, and as a cluster."""

from . import probes
from .install import need, run
from .server import Server

COMMON = """\
# Written once by scripts/services; the server may rewrite it.
bind 127.0.0.1
dir "{home}"
daemonize no
# The command line is how a process is known as ours.
set-proc-title no
"""

DATA = (
    COMMON
    + """\
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
repl-diskless-sync-delay 0
"""
)


class Base(Server):
    """What they have in common: a configuration file for each process, written once."""

    def commands(self, configs: dict[str, str]) -> dict[str, list[str]]:
        binary = need("redis-server", "redis-server")
        commands = {}
        for part, text in configs.items():
            home = self.home(part)
            path = home / "redis.conf"
            if not path.exists():
                new = home / "redis.conf.new"
                new.touch(mode=0o600)  # it may hold a password
                new.write_text(text.format(home=home, port=self.folder.port(part)), encoding="utf-8")
                new.rename(path)
            commands[part] = [binary, str(path)]
        return commands

    def address(self, part: str) -> str:
        return f"127.0.0.1:{self.folder.port(part)}"

    def ready(self, part):
        return probes.redis_pong(self.folder.port(part))()


class Single(Base):
    """One server, whose data survives its death."""

    name = "redis"
    about = "Redis"
    variables = ("WEFT_TEST_REDIS_URL",)
    stages = (("redis",),)

    def prepare(self):
        return self.commands({"redis": DATA + "port {port}\n"})

    def urls(self):
        return {"WEFT_TEST_REDIS_URL": f"redis://{self.address('redis')}/0"}


class TLS(Base):
    """One server that speaks TLS only, and knows one user, who is no administrator."""

    name = "redis-tls"
    about = "Redis with TLS and an ACL user"
    variables = ("WEFT_TEST_REDIS_TLS_URL",)
    stages = (("redis-tls",),)

    def prepare(self):
        home = self.home(self.name)
        if not self._ca().exists():
            # One certificate signs itself and is the server's: whoever has it as ca=FILE trusts the server.
            run(
                need("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650",
                "-subj", "/CN=weft test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                "-keyout", str(home / "key.pem"), "-out", str(home / "new.pem"),
            )  # fmt: skip
            (home / "new.pem").rename(self._ca())
        return self.commands(
            {
                self.name: DATA
                + 'port 0\ntls-port {port}\ntls-cert-file "{home}/cert.pem"\ntls-key-file "{home}/key.pem"\n'
                + 'tls-ca-cert-file "{home}/cert.pem"\ntls-auth-clients no\n'
                + f"user default off\nuser weft on >{self.folder.secret(self.name)} ~* &* +@all -@admin\n"
            }
        )

    def ready(self, part):
        return probes.redis_pong(self.folder.port(part), str(self._ca()), ("weft", self.folder.secret(part)))()

    def urls(self):
        password, address = self.folder.secret(self.name), self.address(self.name)
        return {"WEFT_TEST_REDIS_TLS_URL": f"rediss://weft:{password}@{address}/0?ca={self._ca()}"}

    def _ca(self):
        return self.home(self.name) / "cert.pem"


class Sentinel(Base):
    """A master, a replica, and three sentinels that replace the master two seconds after its death."""

    name = "sentinel"
    about = "Redis Sentinel: master, replica, three sentinels"
    variables = ("WEFT_TEST_REDIS_SENTINEL_URL",)
    servers = ("sentinel-master", "sentinel-replica")
    sentinels = ("sentinel-1", "sentinel-2", "sentinel-3")
    stages = (servers, sentinels)

    def prepare(self):
        port = self.folder.port("sentinel-master")
        watch = (
            f"port {{port}}\nsentinel monitor weft 127.0.0.1 {port} 2\nsentinel down-after-milliseconds weft 2000\n"
            "sentinel failover-timeout weft 6000\nsentinel parallel-syncs weft 1\n"
        )
        configs = {"sentinel-master": DATA + "port {port}\n"}
        configs["sentinel-replica"] = DATA + f"port {{port}}\nreplicaof 127.0.0.1 {port}\n"
        commands = self.commands(configs | {part: COMMON + watch for part in self.sentinels})
        for part in self.sentinels:
            commands[part].append("--sentinel")
        return commands

    def ready(self, part):
        with probes.Redis(self.folder.port(part)) as redis:
            if part in self.sentinels:
                return redis.call("PING") == "PONG"
            info = redis.call("INFO", "replication")
            return "role:master" in info or "master_link_status:up" in info

    def settle(self):
        for part in self.sentinels:
            probes.until(lambda part=part: self._knows_all(part), f"{part} does not see a master, a replica and two others")

    def _knows_all(self, part: str) -> bool:
        with probes.Redis(self.folder.port(part)) as redis:
            answer = redis.call("SENTINEL", "MASTER", "weft")
        master = dict(zip(answer[::2], answer[1::2], strict=True))
        return master["flags"] == "master" and master["num-slaves"] == "1" and master["num-other-sentinels"] == "2"

    def urls(self):
        return {"WEFT_TEST_REDIS_SENTINEL_URL": f"redis-sentinel://{','.join(map(self.address, self.sentinels))}/weft"}


class Cluster(Base):
    """Three masters without replicas, so a dead one's slots wait until it is back."""

    name = "cluster"
    about = "Redis Cluster: three masters"
    variables = ("WEFT_TEST_REDIS_CLUSTER_URL",)
    stages = (("cluster-1", "cluster-2", "cluster-3"),)

    def prepare(self):
        # A longer time-out than a busy machine's pauses: nobody takes over here anyhow.
        config = DATA + "port {port}\ncluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout 5000\n"
        return self.commands(dict.fromkeys(self.parts(), config))

    def settle(self):
        nodes = [(self.folder.port(part), part) for part in self.parts()]
        if all(self._info(port)["cluster_known_nodes"] == "1" for port, _ in nodes):
            self._create([port for port, _ in nodes])
        for port, part in nodes:
            probes.until(lambda port=port: self._info(port)["cluster_state"] == "ok", f"{part} does not see a whole cluster")

    def _create(self, ports: list[int]) -> None:
        slots = 16384
        for i, port in enumerate(ports):
            with probes.Redis(port) as redis:
                redis.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
                redis.call("CLUSTER", "ADDSLOTS", *range(slots * i // len(ports), slots * (i + 1) // len(ports)))
        for port in ports[1:]:
            with probes.Redis(ports[0]) as redis:
                redis.call("CLUSTER", "MEET", "127.0.0.1", port)

    def _info(self, port: int) -> dict[str, str]:
        with probes.Redis(port) as redis:
            lines = redis.call("CLUSTER", "INFO").split("\r\n")
        return dict(line.split(":", 1) for line in lines if line)

    def urls(self):
        return {"WEFT_TEST_REDIS_CLUSTER_URL": f"redis-cluster://{','.join(map(self.address, self.parts()))}"}

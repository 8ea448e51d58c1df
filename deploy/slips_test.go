package deploy_test

// slip is one mistake in one of the files, and what is to be said of it.
type slip struct{ name, file, old, new, want string }

// slips shows that each check can fail.
func slips() []slip {
	const compose, image, prom = "docker-compose.yml", "Dockerfile", "deploy/prometheus.yml"
	return []slip{
		{"a misspelt variable", compose, "WEFT_SEARCH_URL:", "WEFT_SERACH_URL:", "unknown variable"},
		{"a value that is refused", compose, "WEFT_DRAIN: 150s", "WEFT_DRAIN: 15s", "drain"},
		{"a URL of no known kind", compose, "mongodb://mongo", "mongo://mongo", "documents.url"},
		{"an API that listens nowhere", compose, "WEFT_API_LISTEN: 0.0.0.0:8090", "WEFT_API_LISTEN: \"8090\"", "api.listen"},
		{"a variable that nobody reads", compose, "  GOMEMLIMIT: 400MiB", "  GOMEMLIMT: 400MiB", "nobody reads GOMEMLIMT"},

		{"a queue that is not there", compose, "fetch=16", "fech=16", `no queue "fech"`},
		{"a queue without a number", compose, "label=16", "label", "label=N"},
		{"a queue that nobody serves", compose, "--queue, label=16", "--queue, fetch=16", "no service has the queue label"},
		{"a flag that is not there", compose, "[worker, --queue, analyze-heavy=1]", "[worker, --queues, analyze-heavy=1]", "unknown flag"},
		{"a subcommand that is not there", compose, "[enqueuer, crawl]", "[enqueuer, crawls]", "enqueuer crawls"},
		{"a command that is not there", compose, "command: [asynqmon]", "command: [monitor]", "monitor refuses: fork/exec"},
		{"a command of the other image", compose, "target: services", "target: weft", "is not in the stage"},
		{"an entry point before the command", compose, "command: [api]", "command: [api]\n    entrypoint: [sh]", "the command alone"},

		{"a host that is no service", compose, "redis:6379/0", "valkey:6379/0", "valkey:6379 is no service"},
		{"a host without a port", compose, "mongo:27017/weft", "mongo/weft", "mongo names no port"},
		{"a port that nobody listens on", compose, "elasticsearch:9200/weft", "elasticsearch:9300/weft", "is not listened on"},
		{"a port in a parameter", compose, "grpc=bigquery:9060", "grpc=bigquery:9061", "bigquery:9061 is not listened on"},
		{"an emulator that is elsewhere", compose, "STORAGE_EMULATOR_HOST: gcs:4443", "STORAGE_EMULATOR_HOST: gcs:4444", "gcs:4444 is not listened on"},
		{"networks apart", compose, "networks: [stores, outside]", "networks: [outside]", "is in no network of its own"},
		{"a store that is not waited for", compose, "mongo: {condition: service_healthy}", "mongo: {condition: service_started}", "is not waited for"},
		{"a bucket that nobody makes", compose, "gs://weft-images", "gs://weft-pictures", "gs://weft-pictures is no bucket"},
		{"a dataset that nobody makes", compose, "bigquery://weft/weft", "bigquery://weft/posts", "--dataset=posts"},

		{"a port for all the world", compose, `"127.0.0.1:8090:8090"`, `"8090:8090"`, "published to other machines"},
		{"a port that is not configured", compose, `"127.0.0.1:8090:8090"`, `"127.0.0.1:8090:8091"`, "8091 is published, and nobody listens"},
		{"a port of loopback inside", compose, "WEFT_API_LISTEN: 0.0.0.0:8090", "WEFT_API_LISTEN: 127.0.0.1:8090", "8090 is published, and nobody listens"},
		{"a port twice", compose, `"127.0.0.1:9091:9090"`, `"127.0.0.1:8090:9090"`, "port 8090 is taken"},
		{"a worker with a port", compose, "command: [worker, --queue, label=16]", "command: [worker, --queue, label=16]\n    ports: [\"127.0.0.1:9099:9090\"]", "can't be scaled"},
		{"a worker with a name", compose, "command: [worker, --queue, label=16]", "command: [worker, --queue, label=16]\n    container_name: label", "can't be scaled"},

		{"root", compose, `user: "65532:65532"`, `user: "0:0"`, "user is not a number above 0"},
		{"an image's own user", compose, "    user: \"999:999\"\n", "", "mongo: user is not a number above 0"},
		{"a root that can be written", compose, "read_only: true", "read_only: false", "read_only is not set"},
		{"capabilities", compose, "cap_drop: [ALL]", "cap_drop: [NET_RAW]", "cap_drop is not ALL"},
		{"privileges", compose, "no-new-privileges:true", "no-new-privileges:false", "no-new-privileges is not set"},
		{"no limits", compose, "limits: {cpus: \"1\", memory: 512M, pids: 256}", "limits: {cpus: \"1\", pids: 256}", "are not limited"},
		{"no restart", compose, "restart: unless-stopped", "restart: \"no\"", "it isn't restarted"},
		{"a log without end", compose, "options: {max-size: 20m, max-file: \"3\"}", "options: {max-file: \"3\"}", "its log grows"},

		{"no health check", compose, "test: [CMD, redis-cli, ping]", "disable: true", "redis: healthcheck wants"},
		{"a health check of a port that is not there", compose, `worker, health, "http://127.0.0.1:9090`, `worker, health, "http://127.0.0.1:9091`, "asks a port that nobody listens on"},
		{"a health check by what is not in the image", compose, "test: [CMD, api, health,", "test: [CMD, curl, -f,", "is not api health URL"},
		{"a grace that is too short", compose, "stop_grace_period: 170s", "stop_grace_period: 155s", "stop_grace_period"},
		{"a dependency that is not there", compose, "redis: {condition: service_healthy}", "rediss: {condition: service_healthy}", "undefined service"},
		{"a volume that is not declared", compose, "  prometheus: {}\n", "", "undefined volume"},
		{"a volume that nobody uses", compose, "  prometheus: {}\n", "  prometheus: {}\n  old: {}\n", "nobody uses the volume old"},
		{"a file that is not there", compose, "./deploy/prometheus.yml:", "./deploy/prom.yml:", "is not there, or not read-only"},
		{"a key that is not there", compose, "read_only: true", "readonly: true", "readonly"},

		{"the newest image", compose, "redis:7.4.2-alpine", "redis:latest", "redis:latest is not pinned"},
		{"an image without a version", compose, "fsouza/fake-gcs-server:1.52.2", "fsouza/fake-gcs-server", "is not pinned"},
		{"a fixed password", compose, "${REDIS_PASSWORD:-development}@redis", "development@redis", "a secret for development is left"},
		{"a secret that is not read", compose, "${PUSH_TOKENS:-", "${PUSH_TOKEN:-", "nobody reads PUSH_TOKENS"},

		{"metrics of nobody", prom, "worker-heavy, ", "worker-hvy, ", "worker-hvy:9090 (type A) is no service"},
		{"metrics that are not asked", prom, ", api]", "]", "doesn't ask api"},
		{"metrics on another port", prom, "port: 9090", "port: 9091", "is not listened on"},
		{"metrics found twice", compose, "networks: [stores, monitoring]", "networks: [stores, outside, monitoring]", "found once for each of 2 networks"},
		{"rules that nobody reads", prom, "/etc/prometheus/alerts.yml", "/etc/prometheus/alert.yml", "is not among the files of rules"},
		{"an alert about nothing", "deploy/alerts.yml", "weft_drift_beyond", "weft_drift_above", "nobody tells weft_drift_above"},
		{"Prometheus elsewhere", prom, `"127.0.0.1:9090"`, `"127.0.0.1:9091"`, "nobody listens on 127.0.0.1:9091"},

		{"the slow decoder", image, "-tags=nodynamic,turbojpeg", "-tags=nodynamic", "don't set the tags"},
		{"the machine's AVIF decoder", image, "-tags=nodynamic,turbojpeg", "-tags=turbojpeg", "don't set the tags"},
		{"a build without C", image, "CGO_ENABLED=1", "CGO_ENABLED=0", "builds without cgo"},
		{"a decoder that isn't installed", image, "libturbojpeg0 ", "", "runtime doesn't install libturbojpeg0"},
		{"another Go", image, "golang:1.26", "golang:1.25", "is not the Go of go.mod"},
		{"a base that moves", image, "debian:12.12-slim", "debian:stable-slim", "debian:stable-slim is not pinned"},
		{"a file that is not copied", image, "COPY go.mod go.sum ./", "COPY go.mod go.sums ./", "copies go.sums"},
		{"a stage that is not there", image, "--from=build-services", "--from=built-services", "copies from the stage built-services"},
		{"a command that is not built", image, "./cmd/enqueuer ", "", "no image has cmd/enqueuer"},
		{"a command that is no more", image, "./cmd/worker", "./cmd/worker ./cmd/gone", "builds cmd/gone"},
		{"the image's root", image, "USER 65532:65532", "USER 0:0", "USER is not a number"},
		{"code that is ignored", ".dockerignore", "docs\n", "docs\nmodels\n", "built from models"},
		{"a pattern that is ignored", ".dockerignore", "docs\n", "docs\n**/*_x.go\n", "is not a plain name"},
		{"secrets in the build", ".dockerignore", "weft.yaml\n", "", "weft.yaml would be in the image's build"},
	}
}

# Weft. `make` lists the targets.

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 10s
# AVIF and HEIC are decoded in a sandbox, never by whatever library the machine has.
# JPEGs are decoded by libjpeg-turbo where it is installed (asked anew for each
# recipe, since `make deps` may just have done that), else by the standard library.
TURBO = $(shell pkg-config --exists 'libturbojpeg >= 2.1' 2>/dev/null && echo ,turbojpeg)
export GOFLAGS += -tags=nodynamic$(TURBO)
# The crash tests wait for leases of 30 s far more than they compute, so many run side by side.
TESTFLAGS ?= -parallel 16 -timeout 30m
# MongoDB's stand-in and a small Elasticsearch answer late when many ask at once.
QUIETFLAGS ?= -p 1 -parallel 4 -timeout 15m
# Each end-to-end test is some processes and servers: more at once only make each other late.
E2EFLAGS ?= -parallel 6 -timeout 45m

.DEFAULT_GOAL := help
.PHONY: help deps web build demo up vet test race crash-stores services fuzz eval bench bench-analysis bench-stores bench-labeling bench-api train lint verify

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## see that redis-server and ONNX Runtime are there (root on Debian: install the first, libjpeg-turbo and Chromium; the second comes from PyPI)
	@command -v redis-server >/dev/null || scripts/redis-server.sh
	@pkg-config --exists 'libturbojpeg >= 2.1' 2>/dev/null || scripts/turbojpeg.sh
	@command -v chromium >/dev/null || scripts/chromium.sh
	@scripts/onnxruntime >/dev/null

# What the web app is made of. It is built when one of these is newer than the build.
WEB := api/openapi.json $(wildcard web/*.json web/*.ts web/*.cjs web/*.html) $(shell find web/src web/public web/scripts -type f ! -name schema.d.ts)

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@command -v npm >/dev/null || { echo 'the web app is built by Node 20.19 or newer (with npm): install it, then try again' >&2; exit 1; }
	cd web && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

web/dist/index.html: web/node_modules/.package-lock.json $(WEB)
	cd web && npm run --silent build
	@touch $@

web: web/dist/index.html ## the web app, into web/dist, from where the commands embed it (needs Node)

build: web ## the commands, into bin/
	@go build -o bin/ ./cmd/...

demo: deps build ## 300 posts through the whole chain (DATA=folder of photos, ARGS=more flags)
	@rm -rf weft-data/demo
	@bin/weft demo --data weft-data/demo $(if $(DATA),--photos '$(DATA)') $(ARGS)

up: deps build ## everything in one process, on data that stays, in ./weft-data
	bin/weft up --data weft-data --listen 127.0.0.1:8080

vet: ## go vet
	go vet ./...

# Three rounds, so that none takes another's time for a fault: two packages keep a
# server busy by themselves, and the end-to-end tests kill processes and wait until
# everything is right again.
test: deps web vet ## all checks and tests, on servers that are started for them
	scripts/services run -- sh -ec ' \
		go test $(TESTFLAGS) $$(go list ./... | grep -vE "/(internal/e2e|internal/reindex|storage/mongo)$$"); \
		go test $(QUIETFLAGS) ./storage/mongo ./internal/reindex; \
		go test $(E2EFLAGS) ./internal/e2e'
	@test -z "$(TURBO)" || { echo "== image/jpeg, which builds without libjpeg-turbo have"; \
		go test -tags=nodynamic -run '^Test(Scalers|DecodeRendition|PrepareTurns|PrepareBears)' ./analysis/image; }

race: deps ## all tests with the race detector
	scripts/services run -- go test -race $(TESTFLAGS) ./...

crash-stores: deps ## every crash point on the production stores, a quarter of an hour
	scripts/services run -- env WEFT_TEST_LONG=1 go test -count=1 -v -parallel 4 -timeout 60m -run TestCrashPointsProduction ./internal/e2e

services: ## start the servers of the tests and leave them up (stop: scripts/services stop)
	@scripts/services start

fuzz: deps ## each fuzz target for FUZZTIME (10s)
	@grep -rEo '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sed 's|/[^/]*:func | |' | while read -r dir target; do \
		echo "== $$dir $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir" || exit 1; done

bench: deps build ## throughput, cost and latency, one `name: value` a line
	go run ./internal/bench -demo bin/weft

eval: deps build ## accuracy against cost of the two garment models (DATA=folder of photos, PLOT=file, ARGS=more flags)
	@bin/weft eval --cascade --data '$(if $(DATA),$(DATA),../shared/data/clothing/validation)' --out '$(if $(PLOT),$(PLOT),docs/models/cascade.png)' $(ARGS)

bench-analysis: deps ## images a second of decoding and of the models, against Python's in the same run (ARGS=-n 400)
	@go run ./internal/bench/analysis $(ARGS)

bench-stores: deps ## each store's adapter against the bare driver in the same run (ARGS=-posts 1000000)
	scripts/services run --only mongo,elasticsearch,gcs,bigquery -- go run ./internal/bench/stores $(ARGS)

bench-labeling: ## what the next item costs a labeler, at few and at many open items (ARGS='-items 1000,1000000 -mongo-items 200,1000')
	scripts/services run --only mongo -- go run ./internal/bench/labeling $(ARGS)

bench-api: deps build ## getting and searching over the API against bare calls, among a million posts; 200 clients for a minute (ARGS='-posts 100000 -export -stores embedded')
	scripts/services run --only mongo,elasticsearch,redis,python -- go run ./internal/bench/api $(ARGS)

train: build ## the garment models out of photos, and of people's labels (PHOTOS=~/clothing LABELS=labels/labels.csv WORK=garments, PYTHON of analysis/train's environment)
	@test -d '$(PHOTOS)' || { echo 'give PHOTOS=folder with train and validation, each with a folder per class'; exit 2; }
	$(or $(PYTHON),python3) analysis/train/run.py --weft bin/weft --photos '$(PHOTOS)' $(if $(LABELS),--labels '$(LABELS)') \
		--work '$(or $(WORK),garments)' --zoo '$(or $(WORK),garments)/zoo' $(ARGS)

lint: ## golangci-lint (its first run builds it: minutes)
	go run $(GOLANGCI) run ./...

verify: ## what is made from code is fresh: docs, go.mod, formatting
	go test -count=1 ./internal/arch ./internal/config
	go test -count=1 -run TestOpenAPI ./api
	go mod tidy -diff
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }

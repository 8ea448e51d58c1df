# syntax=docker/dockerfile:1.7
# Two images: `services` (the default) holds the commands that a set-up is made of;
# `weft` holds the one that does everything in one process, which links DuckDB.
#
#   docker build --build-arg VERSION=$(git describe --always) -t weft:dev .
#   docker build --target weft -t weft:all-in-one .

FROM node:20.20.2-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY api/openapi.json ../api/openapi.json
COPY web/index.html web/tsconfig.json web/vite.config.ts web/postcss.config.cjs ./
COPY web/public public
COPY web/scripts scripts
COPY web/src src
RUN npm run build

FROM golang:1.26.8-bookworm AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
COPY --from=web /src/web/dist web/dist
# AVIF and HEIC are decoded in a sandbox, never by whatever library the image has;
# JPEGs by libjpeg-turbo, which leaves out what a rendition doesn't need.
RUN apt-get update && apt-get install -y --no-install-recommends libturbojpeg0-dev pkg-config && rm -rf /var/lib/apt/lists/*
ENV GOFLAGS="-tags=nodynamic,turbojpeg -buildvcs=false"
ARG VERSION=dev

FROM source AS build-services
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=1 go build -trimpath -ldflags "-s -w -X weft/internal/cli.version=${VERSION}" -o /out/ \
    ./cmd/api ./cmd/asynqmon ./cmd/enqueuer ./cmd/worker

FROM source AS build-weft
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=1 go build -trimpath -ldflags "-s -w -X weft/internal/cli.version=${VERSION}" -o /out/ \
    ./cmd/weft

# ONNX Runtime's shared library, out of its Python package.
FROM debian:12.12-slim AS onnxruntime
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*
COPY scripts/onnxruntime /onnxruntime
RUN XDG_CACHE_HOME=/cache /onnxruntime

# The same Debian as the compiler's, for the C libraries. Nothing is written but
# in /tmp and in the data folder, so the root may be read-only.
FROM debian:12.12-slim AS runtime
RUN apt-get update && apt-get install -y --no-install-recommends libturbojpeg0 && rm -rf /var/lib/apt/lists/*
COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=onnxruntime /cache/weft/onnxruntime/libonnxruntime.so /usr/local/lib/libonnxruntime.so
RUN install -d -o 65532 -g 65532 /var/lib/weft
ENV WEFT_DATA=/var/lib/weft
USER 65532:65532
WORKDIR /var/lib/weft

FROM runtime AS weft
COPY --from=build-weft /out/ /usr/local/bin/
CMD ["weft", "up"]

FROM runtime AS services
COPY --from=build-services /out/ /usr/local/bin/
CMD ["worker"]

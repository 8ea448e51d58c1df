#!/bin/sh
# Installs Debian's redis-server, which the tests start on free ports of their own.
set -eu
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "redis-server (6.2 or newer) is not on PATH, and only root on Debian or Ubuntu gets it installed: install it, then try again" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends redis-server >/dev/null
command -v redis-server

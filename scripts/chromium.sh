#!/bin/sh
# Installs Debian's Chromium, in which the tests of the web app run. Where that
# can't be done they are skipped, so this says it and goes on.
set -eu
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "Chromium is not on PATH, and only root on Debian or Ubuntu gets it installed: the tests of the web app are skipped" >&2
	exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; } >/dev/null ||
	echo "Chromium could not be installed: the tests of the web app are skipped" >&2

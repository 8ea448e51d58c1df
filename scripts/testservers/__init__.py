"""The servers that Weft's tests need, without anything but Python's standard library.

cli.py        the commands of scripts/services
folder.py     what a --dir remembers: ports, passwords, who runs
process.py    one process: start, find again, kill
install.py    downloads, kept in the cache folder
recipes.py    each server: what it needs, how it starts, its URLs
redis.py      the same for Redis alone, with TLS, with Sentinel, as a cluster
probes.py     a few words of each server's protocol, to see that it is ready
containers.py the same servers by docker compose, where an engine answers
"""

# Counts the rows and distinct posts of an export's files, whose paths come on the
# standard input, with pandas, polars and DuckDB.
import json
import sys

import duckdb
import pandas
import polars

kind = sys.argv[1]
paths = sys.stdin.read().split("\n")
key = "post" if kind == "parquet" else "id"
read = {
    "parquet": (pandas.read_parquet, polars.read_parquet, "read_parquet"),
    "ndjson": (lambda p: pandas.read_json(p, lines=True), polars.read_ndjson, "read_json"),
    "csv": (pandas.read_csv, polars.read_csv, "read_csv"),
}[kind]
p = pandas.concat(read[0](path) for path in paths)
q = polars.concat([read[1](path) for path in paths])
d = duckdb.execute(f"SELECT count(*), count(DISTINCT {key}) FROM {read[2]}({paths!r})").fetchone()
print(json.dumps({
    "pandas": [len(p), p[key].nunique()], "polars": [q.height, q[key].n_unique()], "duckdb": list(d),
}))

"""Reads a history as people do who don't have Weft: with pandas, polars and DuckDB.

    python readers.py FOLDER

prints one JSON object: for each reader what it found. Each must find the same.
"""

import json
import sys

import duckdb
import pandas
import polars
import pyarrow.dataset

root = sys.argv[1]
DAY = "2026-03-14"


def with_pandas():
    frame = pandas.read_parquet(root)
    day = pandas.read_parquet(root, filters=[("dt", "=", DAY)])
    dataset = pyarrow.dataset.dataset(root, partitioning="hive")
    fragments = len(list(dataset.get_fragments(filter=pyarrow.dataset.field("dt") == DAY)))
    newest = frame.sort_values(["generation", "rev"]).drop_duplicates(["post", "profile"], keep="last")
    return {
        "rows": len(frame),
        "day": len(day),
        "files": fragments,
        "sources": sorted(frame["source"].astype(str).unique()),
        "newest": len(newest),
        "generation": int(newest[newest["post"] == "weibo.n00003"]["generation"].iloc[0]),
        "likes": int(frame["likes"].sum()),
        "hidden": int(frame["comments"].notna().sum()),
        "utc": str(frame["created_at"].dt.tz),
        "colors": int(sum(1 for found in frame["attributes"] for a in found if a["name"] == "color")),
        "bodies": int(frame["body"].map(lambda b: json.loads(b)["run"]["profile"] == "catalog").sum()),
        "checksum": int(frame["checksum"].dropna().map(int).sum()) % 2**64,
        "parts": int(frame["part"].nunique()),
    }


def with_polars():
    scan = polars.scan_parquet(root + "/**/*.parquet", hive_partitioning=True, missing_columns="insert")
    frame = scan.collect()
    day = scan.filter(polars.col("dt").cast(polars.String) == DAY).collect()
    newest = frame.sort("generation", "rev").unique(["post", "profile"], keep="last")
    return {
        "rows": frame.height,
        "day": day.height,
        "sources": sorted(frame["source"].unique().to_list()),
        "newest": newest.height,
        "generation": newest.filter(polars.col("post") == "weibo.n00003")["generation"][0],
        "likes": frame["likes"].sum(),
        "hidden": frame["comments"].drop_nulls().len(),
        "utc": frame.schema["created_at"].time_zone,
        "colors": frame.explode("attributes").unnest("attributes").filter(polars.col("name") == "color").height,
        "bodies": sum(1 for b in frame["body"] if json.loads(b)["run"]["profile"] == "catalog"),
        "checksum": sum(frame["checksum"].drop_nulls().to_list()) % 2**64,
        "parts": frame["part"].n_unique(),
    }


def with_duckdb():
    db = duckdb.connect()
    db.execute(f"CREATE VIEW history AS SELECT * FROM read_parquet('{root}/**/*.parquet', hive_partitioning = true, union_by_name = true)")
    db.execute("""CREATE VIEW posts AS SELECT * FROM history
        QUALIFY row_number() OVER (PARTITION BY post, profile ORDER BY generation DESC, rev DESC) = 1""")

    def one(query):
        return db.execute(query).fetchone()[0]

    plan = db.execute(f"EXPLAIN ANALYZE SELECT count(post) FROM history WHERE dt = '{DAY}'").fetchall()[0][1]
    files = next((line.split(":")[-1].strip(" │").split("/")[0] for line in plan.splitlines() if "Files Read" in line), "?")
    return {
        "rows": one("SELECT count(*) FROM history"),
        "day": one(f"SELECT count(*) FROM history WHERE dt = '{DAY}'"),
        "files": int(files) if files.isdigit() else plan,
        "sources": [r[0] for r in db.execute("SELECT DISTINCT source FROM history ORDER BY 1").fetchall()],
        "newest": one("SELECT count(*) FROM posts"),
        "generation": one("SELECT generation FROM posts WHERE post = 'weibo.n00003'"),
        "likes": int(one("SELECT sum(likes) FROM history")),
        "hidden": one("SELECT count(comments) FROM history"),
        "utc": "UTC" if one("SELECT typeof(created_at) FROM history LIMIT 1") == "TIMESTAMP WITH TIME ZONE" else "?",
        "colors": one("SELECT count(*) FROM history, unnest(attributes) u(a) WHERE a.name = 'color'"),
        "bodies": one("SELECT count(*) FROM history WHERE body ->> '$.run.profile' = 'catalog'"),
        "checksum": int(one("SELECT sum(checksum) FROM history")) % 2**64,
        "parts": one("SELECT count(DISTINCT part) FROM history"),
    }


print(json.dumps({"pandas": with_pandas(), "polars": with_polars(), "duckdb": with_duckdb()}))

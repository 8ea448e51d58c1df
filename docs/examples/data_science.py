"""The same number four ways: posts per colour of a month, from the history's
Parquet files with pandas, polars and DuckDB, and over the API.

    python data_science.py weft-data/history                             # the files
    python data_science.py weft-data/history http://127.0.0.1:8090 KEY   # and the API

pip install pandas pyarrow polars duckdb. The API needs nothing but Python itself.
It prints one JSON object. docs/data-science.md explains each step.
"""

import collections
import json
import sys
import urllib.parse
import urllib.request

SINCE, UNTIL = "2026-03-01", "2026-04-01"


def with_pandas(folder):
    import pandas

    rows = pandas.read_parquet(folder, partitioning=None, filters=[
        ("created_at", ">=", pandas.Timestamp(SINCE, tz="UTC")), ("created_at", "<", pandas.Timestamp(UNTIL, tz="UTC")),
    ], columns=["post", "profile", "generation", "rev", "created_at", "attributes"])
    newest = rows.sort_values(["generation", "rev"]).drop_duplicates(["post", "profile"], keep="last")
    found = newest[["post", "attributes"]].explode("attributes").dropna()
    found["name"] = found["attributes"].map(lambda a: a["name"])
    found["color"] = found["attributes"].map(lambda a: a["value"])
    found = found[found["name"] == "color"]
    return found.groupby("color")["post"].nunique().to_dict()


def with_polars(folder):
    import polars as pl

    found = (
        pl.scan_parquet(folder + "/**/*.parquet", hive_partitioning=True)
        .filter(pl.col("dt").cast(pl.String) >= SINCE, pl.col("dt").cast(pl.String) < UNTIL)
        .sort("generation", "rev").unique(["post", "profile"], keep="last", maintain_order=True)
        .select("post", "attributes").explode("attributes").unnest("attributes")
        .filter(pl.col("name") == "color").group_by("value").agg(pl.col("post").n_unique()).collect()
    )
    return dict(found.iter_rows())


def with_duckdb(folder):
    import duckdb

    return dict(duckdb.execute(f"""
        WITH posts AS (
            SELECT * FROM read_parquet(?, hive_partitioning = true, hive_types = {{'dt': DATE}})
            WHERE dt >= DATE '{SINCE}' AND dt < DATE '{UNTIL}'
            QUALIFY row_number() OVER (PARTITION BY post, profile ORDER BY generation DESC, rev DESC) = 1)
        SELECT a.value, count(DISTINCT post) FROM posts, unnest(attributes) AS t(a) WHERE a.name = 'color' GROUP BY 1
    """, [folder + "/**/*.parquet"]).fetchall())


def ask(api, key, path, **parameters):
    query = urllib.parse.urlencode({k: v for k, v in parameters.items() if v is not None}, doseq=True)
    request = urllib.request.Request(f"{api}{path}?{query}", headers={"Authorization": "Bearer " + key})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def over_the_api(api, key):
    """Pages through all posts of the month, be they in search or in the history."""
    colors, cursor = collections.Counter(), None
    while True:
        page = ask(api, key, "/v1/history", since=SINCE + "T00:00:00Z", until=UNTIL + "T00:00:00Z", sort="oldest", limit=500, cursor=cursor)
        for post in page["items"]:
            colors.update({a["value"] for a in post.get("attributes", []) if a["name"] == "color"})
        cursor = page.get("next_cursor")
        if not cursor:
            return dict(colors)


def main():
    folder = sys.argv[1].rstrip("/")
    answers = {"pandas": with_pandas(folder), "polars": with_polars(folder), "duckdb": with_duckdb(folder)}
    if len(sys.argv) > 3:
        answers["api"] = over_the_api(sys.argv[2], sys.argv[3])
    print(json.dumps(answers, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()

"""Runs bqemulator, less what can't be had here and with what it gets wrong put right.

It refuses to start unless DuckDB can download its "spatial" extension, which only
GEOGRAPHY needs. And it doesn't quote the names of a record's fields, so that no
field can be called by one of DuckDB's own words, such as "by".
"""

from bqemulator.storage import type_map
from bqemulator.storage.engine import DuckDBEngine

DuckDBEngine._load_spatial = lambda self: None

unquoted = type_map.bq_schema_to_duckdb_columns


def quoted(fields):
    """Quotes the names one level below; the recursion takes care of the rest."""
    return unquoted([
        {**field, "fields": [{**inner, "name": '"' + inner["name"] + '"'} for inner in field["fields"]]} if field.get("fields") else field
        for field in fields
    ])


type_map.bq_schema_to_duckdb_columns = quoted

from bqemulator.cli import main  # noqa: E402  it takes the function by name when it is imported

main()

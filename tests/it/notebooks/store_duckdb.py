"""Answers questions about a store, with a DuckDB that reads it by itself: a JSON list of SQL from
standard input, a JSON list of first rows out. Endpoint and credentials come from the environment."""

import json
import os
import sys

import duckdb
import duckdb_extensions

duckdb_extensions.import_extension("httpfs")
duckdb.execute("load httpfs")
scheme, _, host = os.environ["AWS_ENDPOINT_URL"].partition("://")
key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
duckdb.execute(
    f"create secret (type s3, key_id '{key}', secret '{secret}', endpoint '{host}', "
    f"use_ssl {scheme == 'https'}, url_style 'path')"
)
answers = [duckdb.sql(question).fetchall()[0] for question in json.load(sys.stdin)]
print(json.dumps(answers, default=str))

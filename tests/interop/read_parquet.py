# SPDX-License-Identifier: Apache-2.0
"""read_parquet.py FOLDER RECORDS: whether a table of Spark's has what the records say, a row each."""
import json
import sys

from pyspark.sql import SparkSession


def told(record):
    top = record["top"] or [{"index": None, "prob": None}]
    return record["file"], record["ok"], [(c["index"], c["prob"]) for c in top]


rows = SparkSession.builder.getOrCreate().read.parquet(sys.argv[1]).collect()
with open(sys.argv[2], encoding="utf-8") as file:
    records = [{"top": None, **json.loads(line)} for line in file]
sys.exit(sorted(map(told, rows), key=str) != sorted(map(told, records), key=str))

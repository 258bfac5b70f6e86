#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Classes of many pictures by Spark: a process of timmc for each partition of a list of names.

    spark-submit spark_labels.py NAMES FOLDER [PARTITIONS]

FOLDER/jsonl gets a record for each name, in their order; FOLDER/parquet the same as a table.
"""
import os
import sys

from pyspark.sql import SparkSession

names, folder = sys.argv[1:3]
partitions = int(sys.argv[3]) if len(sys.argv) > 3 else 64
# 1: some inputs failed, which their records tell; 4: all did, or the partition is empty
command = """sh -c 'timmc classify --quiet --threads 1 --format jsonl --files-from - ||
                    case $? in 1|4) ;; *) exit 1 ;; esac'"""
spark = SparkSession.builder.getOrCreate()
lines = spark.sparkContext.textFile(names, minPartitions=partitions)
records = lines.pipe(command, env=dict(os.environ), checkCode=True)
records.saveAsTextFile(folder + "/jsonl")
spark.read.json(folder + "/jsonl").write.parquet(folder + "/parquet")

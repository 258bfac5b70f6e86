#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Embeddings of many pictures by Ray: a process of timmc for each shard of a list of names.

    python3 ray_features.py NAMES OUT.npy [SHARDS [CPUS]]

Both are in a folder that all nodes see. A shard whose process died goes on where it was. What is
done with the embeddings begins with the Ray Data at the end.
"""
import os
import subprocess
import sys

import ray

names, out = map(os.path.abspath, sys.argv[1:3])
shards = int(sys.argv[3]) if len(sys.argv) > 3 else 16
cpus = int(sys.argv[4]) if len(sys.argv) > 4 else 4


@ray.remote(num_cpus=cpus, max_retries=3, retry_exceptions=True)
def embed(shard):
    part = f"{out[:-4]}.part-{shard}.npy"
    code = subprocess.call(["timmc", "features", "--kind", "pooled", "--files-from", names,
                            "--shard", f"{shard}/{shards}", "--resume", "--quiet",
                            "--threads", str(cpus), "-o", part], stdout=subprocess.DEVNULL)
    if code not in (0, 1, 4):  # 1, 4: some or all inputs failed, which the index tells
        raise RuntimeError(f"timmc: exit {code}")
    return part


parts = ray.get([embed.remote(i) for i in range(1, shards + 1)])
subprocess.check_call(["timmc", "merge", "-o", out, *parts])
rows = ray.data.read_numpy(out)
print(rows.count(), "embeddings")

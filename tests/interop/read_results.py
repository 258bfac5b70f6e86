# SPDX-License-Identifier: Apache-2.0
"""Reads what timmc writes with the libraries that people read it with, as docs/cluster.md shows.

read_results.py TIMMC FOLDER: runs the program on the test pictures, writing into FOLDER. A library
that is not there is told and left out; numpy has to be there.
"""
import csv
import importlib
import io
import json
import pathlib
import subprocess
import sys

import numpy as np

timmc, folder = sys.argv[1], pathlib.Path(sys.argv[2])
images = pathlib.Path(__file__).parent.parent / "data" / "images"
odd = folder / 'a, "b"\nc.png'
odd.write_bytes((images / "chelsea.png").read_bytes())
inputs = [str(images / "chelsea.png"), "nothing.png", str(images / "coffee.png"), str(odd)]
model = ["test_vit", "--no-pretrained"]
passed = failed = 0


def ok(name, condition):
    global passed, failed
    passed += bool(condition)
    failed += not condition
    print("ok" if condition else "FAIL", name)


def run(*arguments):
    done = subprocess.run([timmc, *arguments, *inputs], capture_output=True, check=False)
    assert done.returncode == 1, done.stderr.decode()
    return done.stdout.decode()


def library(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"no {name} here: not tested")
        return None


records = [json.loads(line) for line in run("classify", *model, "-f", "jsonl").splitlines()]
run("features", *model, "--kind", "pooled", "-o", str(folder / "rows.npy"))
run("features", *model, "--kind", "pooled", "--dtype", "f16", "-o", str(folder / "half.npy"))
run("features", *model, "--outputs", "cls,features.0", "-o", str(folder / "several"))
run("features", *model, "--outputs", "cls,features.0", "-o", str(folder / "several.npz"))
run("features", *model, "--outputs", "cls,features.0", "-o", str(folder / "several.safetensors"))
run("classify", *model, "-o", str(folder / "labels.jsonl"))

rows = np.load(folder / "rows.npy", mmap_mode="r")
index = [json.loads(line) for line in open(folder / "rows.index.jsonl", encoding="utf-8")]
meta = json.load(open(folder / "rows.meta.json", encoding="utf-8"))
ok("numpy: rows", rows.dtype == np.float32 and rows.shape == (3, 64))
ok("the index names each row", [line["row"] for line in index] == [0, None, 1, 2])
ok("and each file, as it is called", [line["file"] for line in index] == inputs)
ok("the meta counts", (meta["inputs"], meta["rows"], meta["failed"]) == (4, 3, 1))
ok("numpy: half precision", (np.load(folder / "half.npy") == rows.astype(np.float16)).all())
ok("numpy: .npz", np.load(folder / "several.npz")["cls"].shape == (3, 64))
ok("numpy: a folder", (np.load(folder / "several" / "cls.npy") == np.load(folder / "several.npz")["cls"]).all())
table = list(csv.DictReader(io.StringIO(run("classify", *model, "-k", "2", "-f", "csv"))))
ok("csv: a row for each class", [r["file"] for r in table].count(str(odd)) == 2)
ok("csv: the numbers of the records", float(table[0]["value"]) == records[0]["top"][0]["prob"])

if pandas := library("pandas"):
    frame = pandas.read_json(folder / "labels.jsonl", lines=True)
    ok("pandas: a row for each input", len(frame) == 4 and list(frame["ok"]) == [True, False, True, True])
    first = frame["top"].str[0].str["label"]
    ok("pandas: labels", first[0] == records[0]["top"][0]["label"])
    frame = pandas.read_csv(io.StringIO(run("classify", *model, "-k", "1", "-f", "csv")))
    ok("pandas: csv", frame["file"][3] == str(odd) and frame["value"].count() == 3)
if duckdb := library("duckdb"):
    found = duckdb.sql(
        "select file, t.label, t.prob from (select file, unnest(top) t from "
        f"read_json('{folder}/labels.jsonl')) order by t.prob desc").fetchall()
    ok("duckdb: classes", len(found) == 15 and found[0][2] >= found[-1][2])
if pyarrow := library("pyarrow"):
    arrow = importlib.import_module("pyarrow.json").read_json(folder / "labels.jsonl")
    ok("arrow: records", arrow.num_rows == 4 and arrow["file"][3].as_py() == str(odd))
if library("safetensors"):
    reader = importlib.import_module("safetensors")
    with reader.safe_open(folder / "several.safetensors", "np") as f:
        made_by = json.loads(f.metadata()["timmc"])
        ok("safetensors: arrays", f.get_tensor("features.0").shape[0] == 3)
        ok("safetensors: the meta inside", made_by["command"] == "features" and made_by["rows"] == 3)

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)

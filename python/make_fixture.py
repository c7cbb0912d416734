"""Makes Tests/Golden/Models again: `<cache>/venv/bin/python python/make_fixture.py Tests/Golden/Models` from the repository.

trees.onnx   a small XGBoost model as the trainer writes it, with its contract
linear.onnx  a logistic regression over three features (matrix product and sigmoid), with a contract of kind "linear"
cases.json   rows (null for NaN) and what XGBoost itself, or plain arithmetic, answers
"""

import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from millrace_train import contract  # noqa: E402

NAMES = ["amount", "count_1h", "is_new"]


def training_set(path):
    chance = np.random.default_rng(7)
    rows = 4000
    amount = chance.normal(size=rows).round(3)
    count = chance.integers(0, 30, rows)
    new = chance.random(rows) < 0.3
    label = amount + count / 10 + new + chance.normal(size=rows) * 0.4 > 2
    amount[chance.random(rows) < 0.1] = np.nan
    time = np.arange(rows) * 1_000_000
    pq.write_table(
        pa.table(
            {
                "amount": pa.array(amount, from_pandas=True), "count_1h": pa.array(count, pa.int64()), "is_new": pa.array(new),
                "label": pa.array(label), "at": pa.array(time, pa.timestamp("us", "UTC")),
            }  # fmt: skip
        ),
        path,
    )
    return np.stack([amount, count, new], axis=1).astype(np.float32), label


def linear(path):
    weights = np.array([[0.5], [-0.25], [1.0]], np.float32)
    bias = np.array([0.125], np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["features", "weights", "bias"], ["margin"]),
            helper.make_node("Sigmoid", ["margin"], ["score"]),
        ],
        "linear",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, producer_name="make_fixture", opset_imports=[helper.make_opsetid("", 15)])
    model.ir_version = 8
    features = list(zip(NAMES, ["DOUBLE", "BIGINT", "BOOLEAN"]))
    contract.attach(model, contract.make("linear", "1", features, "score", 0, "features", kind="linear"))
    onnx.checker.check_model(model)
    with open(path, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))
    return lambda row: 1 / (1 + math.exp(-(float(np.float32(row) @ weights[:, 0]) + 0.125)))


def main(folder):
    with tempfile.TemporaryDirectory() as scratch:
        data = os.path.join(scratch, "training.parquet")
        values, label = training_set(data)
        out = os.path.join(folder, "trees.onnx")
        command = [sys.executable, "-m", "millrace_train", "--data", data, "--label", "label", "--time", "at", "--features", ",".join(NAMES)]
        command += ["--name", "fixture", "--version", "1", "--out", out, "--train-fraction", "1", "--code-version", "test", "--snapshot-id", "fixture"]
        command += ["--param", "rounds=20", "--param", "max_depth=3", "--param", "eta=0.3"]
        subprocess.run(command, check=True, env=dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(__file__))))
    settings = {
        "objective": "binary:logistic", "tree_method": "hist", "max_depth": 3, "eta": 0.3, "subsample": 0.8, "colsample_bytree": 0.8,
        "min_child_weight": 5, "nthread": 1, "seed": 0,
    }  # fmt: skip
    booster = xgboost.train(settings, xgboost.DMatrix(values, label, nthread=1), 20)
    rows = values[:200]
    answer = linear(os.path.join(folder, "linear.onnx"))
    finite = np.nan_to_num(rows)
    cases = {
        "rows": [[None if math.isnan(value) else float(value) for value in row] for row in rows],
        "trees": [float(score) for score in booster.predict(xgboost.DMatrix(rows, nthread=1))],
        "linear_with_zero_for_null": [answer(row) for row in finite],
    }
    with open(os.path.join(folder, "cases.json"), "w") as file:
        json.dump(cases, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])

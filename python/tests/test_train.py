"""The trainer as a user runs it: what it trains on, what it writes, what it refuses."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq

from millrace_train import contract


class TrainTests(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        self.data = self.path("training.parquet")
        chance = np.random.default_rng(3)
        rows = 2000
        a, b = chance.normal(size=rows), chance.integers(0, 9, rows)
        label = [None if i % 10 == 0 else bool(v) for i, v in enumerate(a + b / 4 > 1)]
        seconds = np.arange(rows) * 1_000_000
        pq.write_table(
            pa.table(
                {
                    "a": a, "b": pa.array(b, pa.int32()), "text": ["x"] * rows, "label": pa.array(label, pa.bool_()),
                    "at": pa.array(seconds, pa.timestamp("us", "UTC")), "known_at": pa.array(seconds + 60_000_000, pa.timestamp("us", "UTC")),
                }  # fmt: skip
            ),
            self.data,
        )

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def train(self, *more, features="a,b", out="model.onnx"):
        command = [sys.executable, "-m", "millrace_train", "--data", self.data, "--label", "label", "--time", "at", "--known-at", "known_at"]
        command += ["--features", features, "--name", "toy", "--out", self.path(out), "--report", self.path("report.json")]
        command += ["--param", "rounds=10", *more]
        done = subprocess.run(command, capture_output=True, text=True)
        report = json.loads(self.read("report.json")) if done.returncode == 0 else None
        return done, report

    def test_only_labels_known_before_the_split_are_trained_on(self):
        done, report = self.train("--split-time", "1970-01-01T00:16:40Z")  # row 1000
        self.assertEqual(done.returncode, 0, done.stderr)
        # Rows 0..939 were known (row 940's label comes at the split itself), nine in ten have one; 1000..1999 are held out.
        self.assertEqual(report["train_rows"], 846)
        self.assertEqual(report["rows_not_known_at_split"], 54)
        self.assertEqual(report["evaluation"]["rows"], 900)
        self.assertGreater(report["evaluation"]["auc"], 0.9)
        self.assertLessEqual(report["onnx_difference_most"], 1e-5)

    def test_same_input_same_bytes_and_a_true_contract(self):
        self.train("--refit")
        done, report = self.train("--refit", out="again.onnx")
        self.assertEqual(report["refit_rows"], 1800)
        first, again = (self.read(name) for name in ("model.onnx", "again.onnx"))
        self.assertEqual(first, again)
        model = onnx.load(self.path("model.onnx"))
        promise = json.loads({entry.key: entry.value for entry in model.metadata_props}[contract.KEY])
        self.assertEqual(promise["features"], [{"name": "a", "type": "DOUBLE"}, {"name": "b", "type": "INT"}])
        self.assertEqual(promise["features_sha256"], contract.features_sha256([("a", "DOUBLE"), ("b", "INT")]))
        self.assertIn(promise["output"], [output.name for output in model.graph.output])
        other, _ = self.train("--seed", "1", out="other.onnx")
        self.assertNotEqual(first, self.read("other.onnx"))

    def test_what_is_wrong_is_said(self):
        cases = [
            (["--split-time", "yesterday"], "a", "is not an ISO 8601 instant"),
            ([], "a,bb", "has no column 'bb'; did you mean 'b'?"),
            ([], "a,text", "feature 'text' is string: not supported yet"),
            ([], "a,label", "the label label is among the features"),
            ([], "a,a", "names a column twice: a"),
            (["--param", "max_dept=3"], "a", "XGBoost does not know the settings max_dept"),
            (["--split-time", "1970-01-01T00:00:30Z"], "a", "no row has a label known before the split"),
            (["--train-fraction", "2"], "a", "wanted more than 0 and at most 1"),
        ]
        for more, features, text in cases:
            with self.subTest(text=text):
                done, _ = self.train(*more, features=features)
                self.assertEqual(done.returncode, 1)
                self.assertIn(text, done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.assertFalse(os.path.exists(self.path("model.onnx")))


if __name__ == "__main__":
    unittest.main()

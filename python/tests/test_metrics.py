"""The measures against their definitions, counted pair by pair."""

import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

from millrace_train import metrics


def naive_auc(labels, scores):
    won = total = 0.0
    for label, score in zip(labels, scores):
        for other_label, other in zip(labels, scores):
            if label and not other_label:
                total += 1
                won += 1.0 if score > other else 0.5 if score == other else 0.0
    return won / total


def naive_precisions(labels, scores):
    """(threshold, precision, recall) at each distinct score, highest first."""
    positives = sum(labels)
    for threshold in sorted(set(scores), reverse=True):
        chosen = [label for label, score in zip(labels, scores) if score >= threshold]
        yield threshold, sum(chosen) / len(chosen), sum(chosen) / positives


class MetricsTests(unittest.TestCase):
    def test_random_cases_with_ties(self):
        for seed in range(60):
            chance = random.Random(seed)
            count = chance.randint(2, 60)
            labels = [True, False] + [chance.random() < 0.3 for _ in range(count)]
            scores = [round(chance.random(), chance.choice([1, 2, 6])) for _ in labels]
            with self.subTest(seed=seed):
                found = metrics.summary(labels, scores)
                self.assertAlmostEqual(found["auc"], naive_auc(labels, scores), places=12)
                average = before = 0.0
                for _, precision, recall in naive_precisions(labels, scores):
                    average += (recall - before) * precision
                    before = recall
                self.assertAlmostEqual(found["average_precision"], average, places=12)
                best = max(precision for _, precision, recall in naive_precisions(labels, scores) if recall >= 0.5)
                self.assertAlmostEqual(found["precision_at_recall_50"], best, places=12)

    def test_one_class_only(self):
        self.assertIsNone(metrics.summary([True, True], [0.1, 0.2])["auc"])
        self.assertIsNone(metrics.summary([False], [0.1])["average_precision"])

    def test_curve_points_are_few_and_keep_the_ends(self):
        labels, scores = [i % 3 == 0 for i in range(1000)], [i / 1000 for i in range(1000)]
        points = metrics.Curve(labels, scores).points(50)
        self.assertLessEqual(len(points), 51)
        self.assertEqual((points[0]["threshold"], points[-1]["threshold"]), (0.999, 0.0))
        self.assertEqual((points[-1]["recall"], points[-1]["false_positive_rate"]), (1.0, 1.0))


class EvaluateTests(unittest.TestCase):
    def evaluate(self, path, *more):
        command = [sys.executable, "-m", "millrace_train.evaluate", "--verdicts", path, "--label-col", "y", "--score-col", "s", *more]
        return subprocess.run(command, capture_output=True, text=True)

    def test_json_lines_csv_and_folders_agree(self):
        rows = [{"y": True, "s": 0.9}, {"y": False, "s": 0.2}, {"y": True, "s": 0.1}, {"y": None, "s": 0.5}]
        with tempfile.TemporaryDirectory() as folder:
            lines, table, parts = (os.path.join(folder, name) for name in ("v.jsonl", "v.csv", "parts"))
            os.mkdir(parts)
            for path, some in ((lines, rows), (f"{parts}/0.jsonl", rows[:2]), (f"{parts}/1.jsonl", rows[2:]), (f"{parts}/.partial", [])):
                with open(path, "w") as file:
                    file.writelines(json.dumps(row) + "\n" for row in some)
            with open(table, "w") as file:
                file.write("y,s\ntrue,0.9\nfalse,0.2\n1,0.1\n,0.5\n")
            answers = [json.loads(self.evaluate(path, "--json").stdout) for path in (lines, table, parts)]
            self.assertEqual(answers[0], answers[1])
            self.assertEqual(answers[0], answers[2])
            self.assertEqual((answers[0]["rows"], answers[0]["left_out"], answers[0]["auc"]), (3, 1, 0.5))

    def test_errors_say_what_to_do(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "v.jsonl")
            with open(path, "w") as file:
                file.write('{"yy": true, "s": 1}\n')
            failed = self.evaluate(path)
            self.assertEqual((failed.returncode, failed.stderr), (1, f"error: {path}:1: no column 'y'; did you mean 'yy'?\n"))
            with open(path, "w") as file:
                file.write('{"y": true, "s": 1}\n{"y": tr')
            self.assertIn(f"{path}:2: not JSON", self.evaluate(path).stderr)


if __name__ == "__main__":
    unittest.main()

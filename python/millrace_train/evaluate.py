"""Recomputes the quality of a model from its verdicts: python -m millrace_train.evaluate --help

Reads JSON lines or CSV (with a header), one file or a folder of them, and needs nothing but Python itself.
Rows without a label or without a score are left out and counted.
"""

import argparse
import csv
import json
import math
import os
import sys

from millrace_train import metrics
from millrace_train.problems import Problem, nearest, run

TRUE, FALSE = {"true", "t", "1", "1.0", "yes"}, {"false", "f", "0", "0.0", "no"}


def files_of(path):
    """The verdict files at `path`, by name; names starting with '.' or '_' are unfinished or not data."""
    if os.path.isfile(path):
        return [path]
    if not os.path.isdir(path):
        raise Problem(f"{path} does not exist")
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        found += [os.path.join(folder, name) for name in sorted(names) if name[0] not in "._"]
    if not found:
        raise Problem(f"{path} holds no files")
    return found


def rows_of(file):
    """Yields (where, row) with each row a dictionary."""
    with open(file, encoding="utf-8", newline="") as lines:
        first = lines.read(1)
        lines.seek(0)
        if first == "{":
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield f"{file}:{number}", json.loads(line)
                    except json.JSONDecodeError as error:
                        raise Problem(f"{file}:{number}: not JSON: {error.msg}") from None
        elif first:
            reader = csv.DictReader(lines)
            for row in reader:
                yield f"{file}:{reader.line_num}", row


def value(row, column, where):
    if column not in row:
        raise Problem(f"{where}: no column '{column}'; {nearest(column, list(row))}")
    return row[column]


def label_of(raw, where, column):
    """True, False, or None when unknown."""
    if raw is None or raw == "":
        return None
    text = str(raw).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise Problem(f"{where}: {column} is {raw!r}, wanted true, false, 1, 0 or nothing")


def score_of(raw, where, column):
    if raw is None or raw == "":
        return None
    try:
        number = float(raw)
    except (TypeError, ValueError):
        raise Problem(f"{where}: {column} is {raw!r}, wanted a number or nothing") from None
    return None if math.isnan(number) else number


def read(path, label_column, score_column, keep=None):
    """(labels, scores, rows left out) of every verdict that has both."""
    labels, scores, skipped = [], [], 0
    for file in files_of(path):
        for where, row in rows_of(file):
            if keep and str(row.get(keep[0])) != keep[1]:
                continue
            label = label_of(value(row, label_column, where), where, label_column)
            score = score_of(value(row, score_column, where), where, score_column)
            if label is None or score is None:
                skipped += 1
            else:
                labels.append(label)
                scores.append(score)
    return labels, scores, skipped


def main():
    parser = argparse.ArgumentParser(prog="python -m millrace_train.evaluate", description="AUC, average precision and precision at 50%% recall of verdicts.")
    parser.add_argument("--verdicts", required=True, metavar="PATH", help="a JSON-lines or CSV file, or a folder of them")
    parser.add_argument("--label-col", required=True, metavar="NAME", help="column that holds true/false or 1/0")
    parser.add_argument("--score-col", required=True, metavar="NAME", help="column that holds the score")
    parser.add_argument("--where", metavar="COL=VALUE", help="use only rows in which COL has this value")
    parser.add_argument("--curve", type=int, default=0, metavar="POINTS", help="also give this many points of the curves")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    keep = tuple(options.where.split("=", 1)) if options.where else None
    if keep and len(keep) != 2:
        raise Problem("--where wants COL=VALUE")
    labels, scores, skipped = read(options.verdicts, options.label_col, options.score_col, keep)
    if not labels:
        raise Problem(f"{options.verdicts} has no row with both {options.label_col} and {options.score_col}")
    result = dict(metrics.summary(labels, scores, options.curve), left_out=skipped)
    if options.json or options.curve:
        json.dump(result, sys.stdout, indent=1)
        print()
    else:
        for name, figure in result.items():
            print(f"{name:24} {'-' if figure is None else round(figure, 4)}")


if __name__ == "__main__":
    run(main)

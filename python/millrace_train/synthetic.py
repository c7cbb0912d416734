"""Writes a made-up training set, for tests and benchmarks: python -m millrace_train.synthetic --help

Columns: f0, f1, ... (DOUBLE, a tenth of them null), label (BOOLEAN), at (event time, one row a second), known_at (60 s later).
The same options give the same values.
"""

import argparse


def main():
    parser = argparse.ArgumentParser(prog="python -m millrace_train.synthetic", description="Write a made-up training set.")
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, metavar="FILE")
    options = parser.parse_args()

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    chance = np.random.default_rng(options.seed)
    values = chance.normal(size=(options.rows, options.features))
    weights = chance.normal(size=options.features)
    margin = values @ weights + np.sin(values[:, 0] * 3) * values[:, -1] + chance.normal(size=options.rows)
    values[chance.random(values.shape) < 0.1] = np.nan
    seconds = np.arange(options.rows) * 1_000_000
    columns = {f"f{i}": pa.array(values[:, i], from_pandas=True) for i in range(options.features)}
    columns["label"] = pa.array(margin > 0)
    columns["at"] = pa.array(seconds, pa.timestamp("us", "UTC"))
    columns["known_at"] = pa.array(seconds + 60_000_000, pa.timestamp("us", "UTC"))
    pq.write_table(pa.table(columns), options.out)


if __name__ == "__main__":
    main()

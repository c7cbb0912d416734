"""Trains a binary classifier on a training set and writes it as ONNX: python -m millrace_train --help

The split is by time. Rows at or after the split instant are for evaluation; of the rows before it only those whose label
was known by then are trained on, as a model made at that instant could have used no others. Rows without a label are
left out. With --refit the figures come from that model, and the model that is written is then made from all labelled rows
in the same way: what one does before deploying it on what comes next. The same input gives the same model bytes: one thread, one seed, no clock.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from millrace_train import __name__ as package
from millrace_train import contract, metrics
from millrace_train.problems import Problem, nearest, run

TRAINER_VERSION = "1"
PARITY_MOST = 1e-5
SETTINGS = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 6,
    "eta": 0.05,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "min_child_weight": 5,
    "nthread": 1,
    "seed": 0,
}
ROUNDS = 300


def options_of(arguments):
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description="Train a binary classifier on a Parquet training set; write it as ONNX.")
    parser.add_argument("--data", required=True, metavar="FILE", help="training set: a Parquet file, or a folder of them")
    parser.add_argument("--label", required=True, metavar="COL", help="what to predict: boolean, or 0 and 1; null rows are left out")
    parser.add_argument("--time", required=True, metavar="COL", help="event time of each row")
    parser.add_argument("--known-at", metavar="COL", help="when each label became known; default: the row's own time")
    parser.add_argument("--features", required=True, metavar="A,B,C", help="feature columns, in the order the model takes them")
    split = parser.add_mutually_exclusive_group()
    split.add_argument("--split-time", metavar="INSTANT", help="evaluate on rows from this instant on (ISO 8601, UTC unless it says otherwise)")
    split.add_argument("--train-fraction", type=float, metavar="F", help="split at this share of the rows by time (default 0.8; 1 trains on all)")
    parser.add_argument("--refit", action="store_true", help="after evaluating, train the model that is written on all labelled rows")
    parser.add_argument("--name", required=True, help="the model's name")
    parser.add_argument("--version", help="the model's version; default: from a hash of data and settings")
    parser.add_argument("--out", required=True, metavar="FILE", help="where to write the ONNX model")
    parser.add_argument("--report", metavar="FILE", help="where to write figures as JSON")
    parser.add_argument("--definitions-sha256", metavar="HEX", help="hash of the feature definitions, kept in the contract")
    parser.add_argument("--snapshot-id", metavar="ID", help="what the training set is called; default: from its hash")
    parser.add_argument("--code-version", metavar="TEXT", help="version of the code that computed the features")
    parser.add_argument("--param", action="append", default=[], metavar="KEY=VALUE", help="an XGBoost setting; `rounds` is the number of trees")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def settings_of(options):
    settings, rounds = dict(SETTINGS, seed=options.seed), ROUNDS
    for text in options.param:
        key, equals, value = text.partition("=")
        if not equals:
            raise Problem(f"--param wants KEY=VALUE, got '{text}'")
        try:
            parsed = json.loads(value)
        except json.JSONDecodeError:
            parsed = value
        if key == "rounds":
            if not isinstance(parsed, int) or parsed < 1:
                raise Problem(f"--param rounds wants a positive whole number, got '{value}'")
            rounds = parsed
        elif key in ("objective", "nthread", "device", "booster"):
            raise Problem(f"--param {key} cannot be changed: the written model depends on it")
        else:
            settings[key] = parsed
    return settings, rounds


def files_of(path):
    if os.path.isfile(path):
        return [path]
    if not os.path.isdir(path):
        raise Problem(f"{path} does not exist")
    found = sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names if name.endswith(".parquet") and name[0] not in "._"
    )
    if not found:
        raise Problem(f"{path} holds no .parquet files")
    return found


def digest_of(files):
    """SHA-256 of the file's bytes; of the files' hashes, by name, when there are several."""
    hashes = []
    for file in files:
        hasher = hashlib.sha256()
        with open(file, "rb") as stream:
            while block := stream.read(1 << 20):
                hasher.update(block)
        hashes.append(hasher.hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def sql_type(kind):
    """The SQL name of a numeric Arrow type, or None."""
    import pyarrow as pa

    plain = {
        pa.bool_(): "BOOLEAN", pa.int8(): "TINYINT", pa.int16(): "SMALLINT", pa.int32(): "INT", pa.int64(): "BIGINT",
        pa.float32(): "FLOAT", pa.float64(): "DOUBLE",
    }  # fmt: skip
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    return plain.get(kind)


class TrainingSet:
    """The columns of a training set as arrays, sorted by time (equal times keep the file's order)."""

    def __init__(self, files, options):
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.names = [name.strip() for name in options.features.split(",") if name.strip()]
        if not self.names:
            raise Problem("--features is empty")
        if len(set(self.names)) != len(self.names):
            raise Problem(f"--features names a column twice: {next(n for n in self.names if self.names.count(n) > 1)}")
        if options.label in self.names:
            raise Problem(f"the label {options.label} is among the features")
        wanted = list(dict.fromkeys(self.names + [options.label, options.time] + ([options.known_at] if options.known_at else [])))
        tables = []
        for file in files:
            try:
                schema = pq.read_schema(file)
                for name in wanted:
                    if name not in schema.names:
                        raise Problem(f"{file} has no column '{name}'; {nearest(name, schema.names)}")
                tables.append(pq.read_table(file, columns=wanted, use_threads=False))
            except (pa.ArrowInvalid, OSError) as error:
                raise Problem(f"{file} cannot be read: {error}") from None
        try:
            table = pa.concat_tables(tables)
        except pa.ArrowInvalid as error:
            raise Problem(f"the files of {options.data} do not have the same columns: {error}") from None

        self.types, columns = [], []
        for name in self.names:
            kind = table.schema.field(name).type
            if sql_type(kind) is None:
                raise Problem(
                    f"feature '{name}' is {kind}: not supported yet, only numbers and booleans are. "
                    "Turn text into numbers in SQL (CASE, CHAR_LENGTH, counts per value), or leave it out of --features"
                )
            self.types.append(sql_type(kind))
            columns.append(self.floats(table[name]))
        label_type = table.schema.field(options.label).type
        if sql_type(label_type) is None:
            raise Problem(f"label '{options.label}' is {label_type}; it must be boolean or 0 and 1")
        label = self.floats(table[options.label])
        present = ~np.isnan(label)
        if not np.isin(label[present], (0, 1)).all():
            raise Problem(f"label '{options.label}' holds values other than 0 and 1, such as {label[present & (label != 0) & (label != 1)][0]:g}")
        time = self.instants(table, options.time)
        known = self.instants(table, options.known_at) if options.known_at else time
        if np.isnat(time).any():
            raise Problem(f"{options.time} is null in {int(np.isnat(time).sum())} rows; every row needs its event time")

        order = np.argsort(time, kind="stable")
        self.values = np.stack(columns, axis=1).astype(np.float32)[order]
        self.label, self.time, self.known = label[order], time[order], known[order]

    @staticmethod
    def floats(column):
        """A column as float64, null as NaN."""
        import pyarrow as pa

        if column.type != pa.float64():
            column = column.cast(pa.float64(), safe=False)
        return column.to_numpy()

    @staticmethod
    def instants(table, name):
        import pyarrow as pa

        kind = table.schema.field(name).type
        if not pa.types.is_timestamp(kind):
            raise Problem(f"column '{name}' is {kind}; it must be a timestamp")
        return table[name].cast(pa.timestamp("ns"), safe=False).to_numpy()


def split_instant(data, options):
    import numpy as np

    if options.split_time:
        import datetime

        try:
            instant = datetime.datetime.fromisoformat(options.split_time.strip().replace("Z", "+00:00"))
        except ValueError:
            raise Problem(f"--split-time '{options.split_time}' is not an ISO 8601 instant, such as 2018-10-03T14:00:00Z") from None
        if instant.tzinfo is not None:
            instant = instant.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return np.datetime64(instant, "ns")
    fraction = 0.8 if options.train_fraction is None else options.train_fraction
    if not 0 < fraction <= 1:
        raise Problem(f"--train-fraction is {fraction}, wanted more than 0 and at most 1")
    position = int(fraction * len(data.time))
    return data.time[position] if position < len(data.time) else np.datetime64("2262-01-01", "ns")


def write_whole(path, data):
    """Writes a file that is either complete or not there."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix="." + os.path.basename(path))
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise Problem(f"{path} cannot be written: {error.strerror}") from None


def main(arguments=None):
    run(lambda: train(options_of(arguments)))


def train(options):
    settings, rounds = settings_of(options)
    files = files_of(options.data)
    import numpy as np
    import xgboost

    data = TrainingSet(files, options)
    labelled = ~np.isnan(data.label)
    instant = split_instant(data, options)
    known = data.known < instant  # an unknown time (NaT) compares false
    fit, held_out = labelled & (data.time < instant) & known, labelled & (data.time >= instant)
    if fit.sum() == 0:
        raise Problem(f"no row has a label known before the split at {instant}; choose a later --split-time")
    if len(set(data.label[fit])) < 2:
        raise Problem(f"all {int(fit.sum())} training rows have the same {options.label}; there is nothing to learn")

    digest = digest_of(files)
    recipe = {
        "trainer": TRAINER_VERSION, "data": digest, "features": data.names, "label": options.label, "split": str(instant),
        "refit": options.refit, "settings": settings, "rounds": rounds, "xgboost": xgboost.__version__,
    }  # fmt: skip
    version = options.version or hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
    booster = fitted(settings, rounds, xgboost.DMatrix(data.values[fit], data.label[fit], nthread=1))
    evaluation = None
    if held_out.any():
        scores = booster.predict(xgboost.DMatrix(data.values[held_out], nthread=1))
        evaluation = metrics.summary(data.label[held_out].astype(bool).tolist(), scores.tolist())
    if options.refit:
        booster = fitted(settings, rounds, xgboost.DMatrix(data.values[labelled], data.label[labelled], nthread=1))

    from millrace_train import trees

    model = trees.to_onnx(booster, len(data.names))
    features = list(zip(data.names, data.types))
    promise = contract.make(
        options.name, version, features, trees.OUTPUT, trees.OUTPUT_COLUMN, trees.INPUT, kind="trees", task="binary-probability", label=options.label,
        snapshot_id=options.snapshot_id or digest[:16], training_file_sha256=digest, definitions_sha256=options.definitions_sha256,
        code_version=options.code_version or f"millrace_train {TRAINER_VERSION}, xgboost {xgboost.__version__}",
    )  # fmt: skip
    contract.attach(model, promise)
    content = model.SerializeToString(deterministic=True)

    # The model as it will run must say what XGBoost says, on the held-out rows or, without any, on the trained ones.
    shown = held_out if held_out.any() else fit
    difference = parity(content, data.values[shown], booster.predict(xgboost.DMatrix(data.values[shown], nthread=1)))
    report = {
        "name": options.name, "version": version, "label": options.label, "features": data.names,
        "rows": len(data.label), "rows_without_label": int((~labelled).sum()),
        "rows_not_known_at_split": int((labelled & (data.time < instant) & ~known).sum()),
        "train_rows": int(fit.sum()), "train_positives": int(data.label[fit].sum()),
        "split": str(instant), "settings": dict(settings, rounds=rounds),
        "onnx_difference_most": difference, "model_sha256": hashlib.sha256(content).hexdigest(),
        "refit_rows": int(labelled.sum()) if options.refit else None,
        "evaluation": evaluation,
        "importance": importance(booster, data.names),
        "python": platform.python_version(), "xgboost": xgboost.__version__, "training_file_sha256": digest,
    }  # fmt: skip
    write_whole(options.out, content)
    if options.report:
        write_whole(options.report, (json.dumps(report, indent=1) + "\n").encode())
    print_summary(report, options)


def fitted(settings, rounds, rows):
    import warnings

    import xgboost

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            booster = xgboost.train(settings, rows, rounds)
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise Problem(f"XGBoost refused: {str(error).strip().splitlines()[0]}") from None
    for warning in caught:  # XGBoost only warns of a misspelled setting
        if "are not used" in str(warning.message):
            raise Problem("XGBoost does not know the settings " + str(warning.message).split("{")[1].split("}")[0].strip().replace('"', ""))
    return booster


def parity(content, values, native):
    """The largest difference of the written model's scores from XGBoost's own."""
    import numpy as np
    import onnxruntime

    from millrace_train.trees import INPUT, OUTPUT, OUTPUT_COLUMN

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
    scores = np.concatenate(
        [session.run([OUTPUT], {INPUT: values[start : start + 4096]})[0][:, OUTPUT_COLUMN] for start in range(0, len(values), 4096)]
    )
    difference = float(np.abs(scores - native).max())
    if not difference <= PARITY_MOST:
        raise Problem(f"the ONNX model differs from XGBoost by {difference:g} (at most {PARITY_MOST:g} is allowed); nothing was written")
    return difference


def importance(booster, names):
    """Each feature's share of the total gain, largest first."""
    gain = booster.get_score(importance_type="total_gain")
    total = sum(gain.values()) or 1.0
    shares = [(name, gain.get(f"f{index}", 0.0) / total) for index, name in enumerate(names)]
    return {name: round(share, 6) for name, share in sorted(shares, key=lambda pair: -pair[1])}


def print_summary(report, options):
    print(f"{report['name']} {report['version']}: {report['train_rows']} rows, {report['train_positives']} positive, {len(report['features'])} features")
    shown = report["evaluation"]
    if shown and shown["auc"] is not None:
        print(
            f"evaluated on {shown['rows']} later rows: AUC {shown['auc']:.4f}, average precision {shown['average_precision']:.4f}, "
            f"precision at 50% recall {shown['precision_at_recall_50']:.3f}"
        )
    if report["refit_rows"]:
        print(f"trained again on all {report['refit_rows']} labelled rows")
    print(f"wrote {options.out}; ONNX against XGBoost: at most {report['onnx_difference_most']:.1e} apart", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

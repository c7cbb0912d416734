"""What a model promises about itself, kept in its metadata under `millrace.contract` and read by Millrace before it scores.

The JSON object holds: contract_version (1), name, version, features (ordered, each name and SQL type), features_sha256
(of lines "name TAB type NEWLINE" in that order), definitions_sha256 (of the feature definitions, when the caller gave
one), input and output (graph names), output_column, kind ("trees"), task ("binary-probability"), snapshot_id (of the training set),
code_version, training_file_sha256. It holds no clock time, so that the same training gives the same bytes.
"""

import hashlib
import json

KEY = "millrace.contract"
VERSION = 1


def features_sha256(features):
    text = "".join(f"{name}\t{kind}\n" for name, kind in features)
    return hashlib.sha256(text.encode()).hexdigest()


def make(name, version, features, output, output_column, input_name, **more):
    contract = {
        "contract_version": VERSION,
        "name": name,
        "version": version,
        "features": [{"name": feature, "type": kind} for feature, kind in features],
        "features_sha256": features_sha256(features),
        "input": input_name,
        "output": output,
        "output_column": output_column,
    }
    contract.update({key: value for key, value in more.items() if value is not None})
    return contract


def attach(model, contract):
    """Writes the contract into an onnx.ModelProto."""
    from onnx import helper

    helper.set_model_props(model, {KEY: json.dumps(contract, sort_keys=True, separators=(",", ":"))})
    model.graph.name = contract["name"]

"""XGBoost's trees as an ONNX graph.

The graph is one TreeEnsembleClassifier with a LOGISTIC post-transform: float[rows, features] in, float[rows, 2] out, of
which column 1 is the probability of the positive class. (The regressor's post-transform is ignored by ONNX Runtime for a
single target, and a separate Sigmoid saturates early and is vectorised, so that its bits could depend on a row's place in
the batch.) XGBoost sends a row to the left when value < threshold, and a
missing value (NaN) to the side the node names, which is what BRANCH_LT and missing_value_tracks_true say.
"""

import json
import math

import numpy as np
import onnx
from onnx import TensorProto, helper

INPUT, OUTPUT, OUTPUT_COLUMN = "features", "probabilities", 1


def base_logit(learner):
    """XGBoost keeps the starting score as a probability, since 3.1 as a list in text."""
    text = learner["learner_model_param"]["base_score"].strip("[]")
    probability = float(np.float32(float(text)))
    return math.log(probability / (1 - probability))


def to_onnx(booster, feature_count):
    """An ONNX model of a binary:logistic booster of numeric splits."""
    model = json.loads(booster.save_raw("json"))
    learner = model["learner"]
    columns = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    targets = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for number, tree in enumerate(learner["gradient_booster"]["model"]["trees"]):
        if any(tree.get("split_type", [])):
            raise ValueError("categorical splits are not supported")
        for node in range(len(tree["left_children"])):
            left, right = tree["left_children"][node], tree["right_children"][node]
            is_leaf = left == -1
            columns["treeids"].append(number)
            columns["nodeids"].append(node)
            columns["featureids"].append(0 if is_leaf else tree["split_indices"][node])
            columns["values"].append(0.0 if is_leaf else float(tree["split_conditions"][node]))
            columns["modes"].append("LEAF" if is_leaf else "BRANCH_LT")
            columns["truenodeids"].append(0 if is_leaf else left)
            columns["falsenodeids"].append(0 if is_leaf else right)
            columns["missing_value_tracks_true"].append(0 if is_leaf else int(tree["default_left"][node]))
            if is_leaf:
                targets["treeids"].append(number)
                targets["nodeids"].append(node)
                targets["ids"].append(0)
                targets["weights"].append(float(tree["split_conditions"][node]))  # a leaf keeps its value here
    attributes = {f"nodes_{name}": values for name, values in columns.items()}
    attributes.update({f"class_{name}": values for name, values in targets.items()})
    node = helper.make_node(
        "TreeEnsembleClassifier", [INPUT], ["label", OUTPUT], domain="ai.onnx.ml", name="trees",
        classlabels_int64s=[0, 1], post_transform="LOGISTIC", base_values=[base_logit(learner)], **attributes,
    )  # fmt: skip
    graph = helper.make_graph(
        [node],
        "millrace",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", feature_count])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", 2])],
    )
    made = helper.make_model(
        graph, producer_name="millrace_train", opset_imports=[helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
    )
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made

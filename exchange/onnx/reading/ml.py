"""What comes before and after nets in the domain ai.onnx.ml, as far as it is of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....ops import activations, reduce, scalar
from ....ops.elementwise import cast
from ....ops.indexing import take
from ....ops.linalg import matmul
from ....ops.movement import concatenate, expand_dims, ravel
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant
from .node import ModelNode
from .registry import Unsaid, operator

ML = "ai.onnx.ml"


def as_floats(x: Expr) -> Expr:
    """Floats as they are; integers as float32."""
    return x if x.type.is_float else cast(x, "float32")


def _numbers(given: Any, x: Expr) -> Expr:
    return constant(np.asarray(given, x.dtype))


@operator("ArrayFeatureExtractor", domain=ML)
def read_array_feature_extractor(node: ModelNode, x: Expr, places: Expr) -> Expr:
    """x at these places of its last axis."""
    return take(x if x.ndim > 1 else expand_dims(x, 0), ravel(places), -1)


@operator("Binarizer", domain=ML)
def read_binarizer(node: ModelNode, x: Expr) -> Expr:
    """1 where x is above the threshold, else 0."""
    return cast(scalar.gt(x, _numbers(node["threshold"], x)), x.dtype)


@operator("Scaler", domain=ML)
def read_scaler(node: ModelNode, x: Expr) -> Expr:
    """(x - offset) * scale."""
    wide = as_floats(x)
    offset, scale = (0.0 if node[n] is None else _numbers(node[n], wide) for n in ("offset", "scale"))
    return cast((wide - offset) * (1.0 if node["scale"] is None else scale), "float32")


@operator("Normalizer", domain=ML)
def read_normalizer(node: ModelNode, x: Expr) -> Expr:
    """x by the largest of each row, by the sum of magnitudes, or by the root of the sum of squares; 0 stays 0."""
    wide = cast(x, "float32")
    axis = 1 if x.ndim > 1 else 0
    if node["norm"] == "MAX":
        length = reduce.max(wide, axis, keepdims=True)
    elif node["norm"] == "L1":
        length = reduce.sum(scalar.abs(wide), axis, keepdims=True)
    else:
        length = scalar.sqrt(reduce.sum(scalar.square(wide), axis, keepdims=True))
    return wide / scalar.where(scalar.eq(length, 0), 1.0, length)


@operator("Imputer", domain=ML)
def read_imputer(node: ModelNode, x: Expr) -> Expr:
    """x with other values, one or one for each feature, in the place of a value that says that there is none."""
    kind = "floats" if x.type.is_float else "int64s"
    values = node[f"imputed_value_{kind}"]
    if values is None:
        raise ValueError(f"has no imputed_value_{kind}, and x is {x.dtype.name}")
    gone = node["replaced_value_float" if x.type.is_float else "replaced_value_int64"]
    hit = scalar.isnan(x) if x.type.is_float and math.isnan(gone) else scalar.eq(x, _numbers(gone, x))
    return scalar.where(hit, _numbers(values if len(values) > 1 else values[0], x), x)


@operator("FeatureVectorizer", domain=ML)
def read_feature_vectorizer(node: ModelNode, *operands: Expr) -> Expr:
    """The features of all operands, one after the other, as float32."""
    rows = [x if x.ndim > 1 else expand_dims(x, 0) for x in operands]
    return concatenate([cast(x, "float32") for x in rows], 1)


@operator("OneHotEncoder", domain=ML)
def read_one_hot_encoder(node: ModelNode, x: Expr) -> Expr:
    """1 at the place of x among the categories, else 0; with zeros=0 every x has to be one of them."""
    if node["cats_strings"]:
        raise Unsaid("has text, for which weft has no dtype")
    if not node["zeros"]:
        raise Unsaid("refuses what is no category, and weft gives 0 for it")
    hits = scalar.eq(expand_dims(cast(x, "int64"), x.ndim), constant(np.array(node["cats_int64s"], np.int64)))
    return cast(hits, "float32")


LABELS = ("int64s", "floats")


@operator("LabelEncoder", domain=ML)
def read_label_encoder(node: ModelNode, x: Expr) -> Expr:
    """Of each element the value that stands beside its key in a table, or else the default."""
    keys, values, default = _table(node)
    if len(keys) != len(values) or not len(keys):
        raise ValueError(f"has {len(keys)} keys, and {len(values)} values")
    table = constant(keys.astype(x.dtype))
    hits = scalar.eq(expand_dims(x, x.ndim), table)
    if x.type.is_float:  # NaN finds NaN
        hits = scalar.logical_or(hits, scalar.logical_and(scalar.isnan(expand_dims(x, x.ndim)), scalar.isnan(table)))
    found = take(constant(values), reduce.argmax(cast(hits, "int32"), -1), 0)
    return scalar.where(reduce.any(hits, -1), found, constant(np.asarray(default, values.dtype)))


def _table(node: ModelNode) -> tuple[np.ndarray, np.ndarray, Any]:
    """Keys, values, and the value of what is no key."""
    if "keys_tensor" in node and "values_tensor" in node:
        values = node["values_tensor"]
        default = node["default_tensor"]
        if default is None:
            default = 0.0 if values.dtype.kind == "f" else -1
        return node["keys_tensor"], values, np.asarray(default).reshape(())
    keys, values = (next((k for k in LABELS if f"{what}_{k}" in node), None) for what in ("keys", "values"))
    if keys is None or values is None:
        raise Unsaid("has text, for which weft has no dtype")
    default = node["default_int64" if values == "int64s" else "default_float"]
    array = np.asarray(node[f"values_{values}"], np.int64 if values == "int64s" else np.float32)
    return np.asarray(node[f"keys_{keys}"]), array, default


@operator("LinearRegressor", domain=ML)
def read_linear_regressor(node: ModelNode, x: Expr) -> Expr:
    """x @ coefficients.T + intercepts: (n, features) -> (n, targets)."""
    wide = cast(x, "float32")
    weights = np.asarray(node["coefficients"], np.float32).reshape(node["targets"], -1)
    found = matmul(wide, constant(weights.T))
    if node["intercepts"]:
        found = found + _numbers(node["intercepts"], found)
    return post_transform(node["post_transform"], found)


@operator("LinearClassifier", domain=ML)
def read_linear_classifier(node: ModelNode, x: Expr) -> tuple[Expr, Expr]:
    """The class with the largest of the scores x @ coefficients.T + intercepts, and these."""
    labels = node["classlabels_ints"]
    if not labels:
        raise Unsaid("has labels that are text, for which weft has no dtype")
    wide = cast(x, "float32")
    intercepts = np.asarray(node["intercepts"] or [0.0] * len(labels), np.float32)
    weights = np.asarray(node["coefficients"], np.float32).reshape(len(intercepts), -1)
    scores = matmul(wide, constant(weights.T)) + constant(intercepts)
    if len(intercepts) == 1 and len(labels) == 2:  # the score of the second, and of the first the opposite
        scores = concatenate([-scores, scores], 1)
    best = take(constant(np.asarray(labels, np.int64)), reduce.argmax(scores, 1), 0)
    return best, post_transform(node["post_transform"], scores)


def post_transform(kind: str, scores: Expr) -> Expr:
    """Scores (n, targets) as they are, or as probabilities."""
    if kind in ("NONE", None):
        return scores
    if kind == "LOGISTIC":
        return scalar.sigmoid(scores)
    if kind == "PROBIT":
        return scalar.erfinv(scores * 2 - 1) * math.sqrt(2)
    if kind == "SOFTMAX":
        return activations.softmax(scores, -1)
    if kind != "SOFTMAX_ZERO":
        raise ValueError(f"the transform {kind!r} is not of the standard")
    zero = scalar.eq(scores, 0)  # which stays 0
    largest = reduce.max(scores, -1, keepdims=True)
    powers = scalar.where(zero, 0.0, scalar.exp(scores - largest))
    total = reduce.sum(powers, -1, keepdims=True)
    return powers / scalar.where(scalar.eq(total, 0), 1.0, total)

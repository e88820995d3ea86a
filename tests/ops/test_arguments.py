"""Arguments that make no sense: a sentence that names the function that was called, what it got, and what it takes."""

import copy
import functools
import pickle

import numpy as np
import pytest

import weft as wf
from weft.nn import init, layers, losses, updates
from weft.ops.conv import Conv
from weft.ops.decompositions import Solve, SolveTriangular
from weft.ops.gather import Gather
from weft.ops.linalg import MatMul
from weft.ops.movement import BroadcastTo, Concatenate, ExpandDims, Pad, Slice, Squeeze, Transpose, Unslice
from weft.ops.pool import MaxPool, MaxPoolGather, MaxPoolScatter, SumPoolScatter
from weft.symbolic.expr import apply

X = wf.matrix("x", (3, 4))
Y = wf.tensor("y", ("n", 5))
V = wf.vector("v", (4,))
S, B = wf.scalar("s"), wf.scalar("b", dtype="bool")
I = wf.vector("i", (3,), "int64")
CUBE = wf.tensor("cube", (2, 3, 4))
IMAGES = wf.tensor4("images", (2, 3, 6, 5))
SQUARE = wf.matrix("square", (4, 4))
LINES, VOLUMES = wf.tensor("lines", (2, 3, 6)), wf.tensor("volumes", (2, 3, 4, 6, 5))
RATES = wf.random.Stream(3)
RNG = np.random.default_rng(0)
W = wf.shared(np.ones(3, np.float32), "w")
LOSS = (W * W).sum()
SMALL = wf.tensor("i", (3,), "int8")
FAR = 2**63


def step(c, x):
    return c, x


REFUSED = {
    "a width that is no whole number": (lambda: wf.pad(X, 1.5), r"pad: widths are whole numbers, not 1\.5"),
    "widths that are flags": (lambda: wf.pad(X, True), "pad: widths are whole numbers, not True"),
    "a value that does not fit around": (lambda: wf.pad(SMALL, 1, 300), "300 does not fit in int8"),
    "a number that does not fit": (lambda: wf.index_set(SMALL, 0, 300), "300 does not fit in int8"),
    "a number below what is unsigned": (
        lambda: wf.index_add(wf.tensor("u", (3,), "uint8"), 0, -1),
        "-1 does not fit in uint8",
    ),
    "a number in full_like": (lambda: wf.full_like(SMALL, 300), "300 does not fit in int8"),
    "keepdims that is a dtype": (lambda: wf.sum(X, 0, "int32"), "sum: keepdims is True or False, not 'int32'"),
    "keepdims that is a number": (lambda: wf.mean(X, 0, 2), "mean: keepdims is True or False, not 2"),
    "keepdims of a position": (lambda: wf.argmax(X, 0, 1), "argmax: keepdims is True or False"),
    "keepdims that is an array": (lambda: X.var(0, np.ones(2)), "var: keepdims is True or False"),
    "an axis that is a float": (lambda: wf.sum(X, 2.0), r"sum: one axis is a whole number, not 2\.0"),
    "an axis that is text": (lambda: wf.max(X, "rows"), "max: one axis is a whole number, not 'rows'"),
    "an axis that is an expression": (lambda: wf.std(X, X), "std: one axis is a whole number"),
    "several axes where there is one": (
        lambda: wf.argmax(X, (0, 1)),
        r"argmax: one axis is a whole number, not \(0, 1\)",
    ),
    "axes of a scalar": (
        lambda: wf.softmax(wf.scalar("s")),
        "softmax: axis -1 does not exist; the expression has none",
    ),
    "an axis of stack": (lambda: wf.stack([X, X], 3), "stack: axis 3 does not exist"),
    "an axis of expand_dims": (lambda: wf.expand_dims(X, 1.0), "expand_dims: one axis is a whole number"),
    "an axis of repeat": (lambda: wf.repeat(X, 2, 0.0), "repeat: one axis is a whole number"),
    "degrees of freedom": (lambda: wf.std(X, ddof="1"), "std: ddof is a number, not '1'"),
    "no pieces": (lambda: wf.split(X, 0), "split: the number of pieces is a whole number from 1 up, not 0"),
    "half a piece": (lambda: wf.split(X, 1.5), r"split: the number of pieces is a whole number from 1 up, not 1\.5"),
    "half a repetition": (
        lambda: wf.tile(X, 2.5),
        r"tile: the number of repetitions is a whole number from 0 up, not 2\.5",
    ),
    "repetitions below none": (lambda: wf.repeat(X, -1), "repeat: the number of repetitions"),
    "no arrays": (lambda: wf.stack([]), "stack needs at least one array"),
    "no end": (lambda: wf.arange(0, np.inf, 2), "arange: from 0 to inf in steps of 2 there is no end"),
    "no limit": (lambda: wf.arange(None), "arange: a limit is a number or a scalar, not None"),
    "a step that is no number": (lambda: wf.arange(0, 5, np.nan), "arange: the step must be a number other than 0"),
    "nothing left over": (lambda: wf.reshape(wf.tensor("z", (0, 5)), (0, -1)), r"reshape: of no elements, \(0, -1\)"),
    "nothing left over of symbols": (lambda: wf.reshape(Y, (0, -1)), "reshape: of no elements"),
    "the trace of a vector": (
        lambda: wf.trace(X[0]),
        r"trace: a matrix has two axes, and this expression has shape \(4,\)",
    ),
    "the determinant of what is not square": (lambda: wf.det(X), "det: a matrix of shape"),
    "a value that does not fit the key": (
        lambda: wf.index_set(X, 0, wf.zeros((3,))),
        r"index_set: a value of shape \(3,\) does not fit where the key selects \(4,\)",
    ),
    "a value with too many axes": (
        lambda: wf.index_add(X, 0, wf.zeros((2, 4))),
        r"index_add: a value of shape \(2, 4\)",
    ),
    "no function": (lambda: wf.scan(None, wf.zeros(()), X), "scan: step is a function, not None"),
    "an end that is no function": (
        lambda: wf.scan(lambda c, x: (c, c), 0.0, X, until=True),
        "scan: until is a function",
    ),
    "half a step": (
        lambda: wf.scan(lambda c, x: (c, c), 0.0, X, unroll="2"),
        "scan: unroll is a whole number from 1 up",
    ),
    "a direction": (lambda: wf.scan(lambda c, x: (c, c), 0.0, X, reverse="yes"), "scan: reverse is True or False"),
    "no body": (lambda: wf.while_loop(lambda c: c < 3, None, 0), "while_loop: body is a function, not None"),
    "no condition": (lambda: wf.while_loop(X, lambda c: c, 0), "while_loop: condition is a function"),
    "half a limit": (
        lambda: wf.while_loop(lambda c: c < 3, lambda c: c + 1, 0, 2.5),
        r"while_loop: max_steps is a whole number from 0 up, not 2\.5",
    ),
    "differences": (
        lambda: wf.diff(X, 1.0),
        r"differences is a whole number from 0 to 1000, not 1\.0",
    ),
    "the largest so many": (lambda: wf.topk(X, "2"), "topk: k is a whole number from 0 up, not '2'"),
    "a side": (lambda: wf.solve_triangular(wf.eye(3), X, "lower"), "solve_triangular: lower is True or False"),
    "a start": (lambda: wf.flatten(X, 5), "flatten: axis 5 does not exist"),
    "a vector that is none": (lambda: wf.hvp(X.sum(), X, "a"), "A vector is an expression, not 'a'"),
    "an output that is none": (lambda: wf.vjp("a", [X], [X]), "An output is an expression, not 'a'"),
    "a tangent that is none": (lambda: wf.jvp(X.sum(), X, None), "A tangent is an expression, not None"),
    "a limit": (lambda: wf.arange(None), "arange: a limit is a number or a scalar, not None"),
    "a rate": (lambda: wf.dropout(X, "a", wf.random.Stream()), r"the rate is in \[0, 1\), and 'a' is not"),
    "a generator": (lambda: wf.dropout(X, 0.5, np.random.default_rng(0)), "rng is a random.Stream, not Generator"),
    "subscripts": (lambda: wf.einsum(3, X), "einsum: the subscripts are a string like 'ij,jk->ik', not 3"),
    "axes of tensordot": (
        lambda: wf.tensordot(X, X, "a"),
        "axes are how many, or two lists of axes, not 'a'",
    ),
    "three axes": (lambda: wf.tensordot(X, X, [0, 1, 1]), r"two lists of axes, not \[0, 1, 1\]"),
    "sizes that are a number": (lambda: wf.vector("v", 3), "The sizes of a vector are a list of .* not 3"),
    "sizes that are a dtype": (lambda: wf.scalar("t", "int64"), "The sizes of a scalar are a list of .* not 'int64'"),
    "a name that is a dtype": (lambda: wf.shared(np.ones(3), "float32"), "'float32' is given as the name of a shared"),
    "values that are none": (lambda: wf.evaluate(X, 3), "evaluate: values is a dict {input: array}, not 3"),
    "a flag": (lambda: wf.max_pool2d(IMAGES, 2, ceil_mode="no"), "max_pool2d: ceil_mode is True or False, not 'no'"),
    "too many differences": (lambda: wf.diff(Y, n=FAR), f"a whole number from 0 to 1000, not {FAR}"),
    "too many channels": (lambda: wf.local_response_norm(IMAGES, FAR), f"a whole number from 1 to 1000, not {FAR}"),
    "a stride beyond all": (lambda: wf.max_pool2d(IMAGES, 2, FAR), f"stride must be at most {2**62}, and is {FAR}"),
    "too many repetitions": (lambda: wf.repeat(Y, FAR), f"a whole number from 0 to {2**62}, not {FAR}"),
    "how often a profile runs": (lambda: wf.function([X], X).profile(1, repeat="a"), "repeat is a whole number from 1"),
    "an axis that is a flag": (lambda: wf.sum(X, True), "sum: one axis is a whole number, not True"),
    "the axis after the only one": (lambda: wf.sum(V, 1), r"sum: axis 1 .* the expression has 1 axis, 0 or -1\."),
    "an axis of three": (lambda: wf.max(X, (0, 2)), "max: axis 2 .* the expression has 2 axes, from -2 to 1"),
    "an axis twice": (lambda: wf.sum(X, (0, -2)), r"sum: axes \(0, -2\) name an axis twice"),
    "a step that is text": (lambda: wf.arange(0, 5, "2"), "arange: the step must be a number other than 0, not '2'"),
    "no step": (lambda: wf.arange(0, 5, 0), "arange: the step must be a number other than 0, not 0"),
    "an infinite step to a size": (lambda: wf.arange(0, Y.shape[0], np.inf), "the step must be finite here, not inf"),
    "an infinite step from one": (lambda: wf.arange(Y.shape[0], 0, -np.inf), "the step must be finite here, not -inf"),
    "a limit that is a flag": (lambda: wf.arange(True, 5), "arange: a limit is a number or a scalar, not True"),
    "no dtype of zeros": (lambda: wf.zeros((2,), "float99"), "'float99' is not a dtype"),
    "no dtype of a cast": (lambda: wf.cast(X, "float99"), "'float99' is not a dtype"),
    "labels that are floats": (lambda: wf.one_hot(V, 3), "one_hot takes integer labels, not float32"),
    "a scalar on the left": (lambda: S @ X, r"matmul: shapes \(\) and \(3, 4\): a scalar has no axis to sum over"),
    "a scalar on the right": (lambda: X @ S, r"matmul: shapes \(3, 4\) and \(\): a scalar has no axis"),
    "axes of two sizes": (
        lambda: wf.tensordot(X, X, ((0,), (1,))),
        r"tensordot: axis 0 of \(3, 4\) and axis 1 of \(3, 4\) have sizes 3 and 4",
    ),
    "more axes than there are": (lambda: wf.tensordot(X, V, 2), "tensordot: 2 axes cannot be summed over"),
    "fewer axes than none": (lambda: wf.tensordot(X, V, -1), "tensordot: the number of axes is a whole number from 0"),
    "axes without a partner": (lambda: wf.tensordot(X, X, ((0, 1), (1,))), "2 axes of the left and 1 of the right"),
    "two sizes left open": (lambda: X.reshape(-1, -1), r"reshape: only one size can be -1, and \(-1, -1\) has 2"),
    "no way to fill": (
        lambda: X.reshape(5, -1),
        r"reshape: the 12 elements of \(3, 4\) do not fill \(5, -1\)",
    ),
    "another number of elements": (lambda: X.reshape(5, 2), r"reshape: \(3, 4\) has 12 elements, \(5, 2\) 10"),
    "a size below none": (lambda: X.reshape(-2, 6), "A size is a number from 0 up, a name or None; -2"),
    "an axis left out": (lambda: wf.transpose(X, (0,)), r"transpose: axes \(0,\) are not a permutation of the 2 axes"),
    "an axis instead of another": (lambda: X.transpose((0, 0)), r"transpose: axes \(0, 0\) are not a permutation"),
    "three widths": (lambda: wf.pad(X, (1, 2, 3)), r"pad: widths \(1, 2, 3\) are neither a number, a pair, nor a pair"),
    "a width below none": (lambda: wf.pad(X, ((0, 1), (2, -1))), "pad: widths must be from 0 up"),
    "nothing to join": (lambda: wf.concatenate([]), "concatenate needs at least one array"),
    "arrays of other ranks": (lambda: wf.concatenate([X, V]), "concatenate: the arrays have 2 and 1 axes"),
    "scalars to join": (lambda: wf.concatenate([S, S]), "concatenate: scalars have no axis to join along; use stack"),
    "other sizes beside": (
        lambda: wf.concatenate([X, wf.zeros((3, 3))]),
        r"concatenate along axis 0: shapes \(3, 4\) and \(3, 3\) differ in another axis",
    ),
    "a stack of other ranks": (lambda: wf.stack([X, V]), r"stack: the arrays have shapes \(3, 4\), \(4,\)"),
    "unequal pieces": (lambda: wf.split(X, 3, axis=1), "split: axis 1 has size 4, which 3 does not divide"),
    "no neighbours": (
        lambda: wf.local_response_norm(X, 0),
        "local_response_norm: the number of channels n is a whole number from 1",
    ),
    "half a neighbour": (lambda: wf.local_response_norm(X, 2.5), "the number of channels n is a whole number"),
    "the triangle of a vector": (lambda: wf.tril(V), r"A triangle belongs to a matrix, .* has shape \(4,\)"),
    "more bounds than axes": (lambda: X[0, 0, I[0] :], r"3 axes are indexed, and the expression has 2: \(3, 4\)"),
    "more items than axes around an ellipsis": (lambda: X[0, ..., 0, I[0] :], "3 axes are indexed"),
    "a bound that is a float": (lambda: X[S:], r"bounds of a slice are whole numbers, and this is float32\(\)"),
    "a bound that is a flag": (lambda: X[True:], "bounds of a slice are integers, sizes or None, not True"),
    "places that are floats": (lambda: wf.take(X, V), "The indices of take must be integers, not float32"),
    "places along an axis that are floats": (
        lambda: wf.take_along_axis(V, V),
        "The indices of take_along_axis must be integers, not float32",
    ),
    "places of a scalar": (lambda: wf.nonzero(S), "nonzero: a scalar has no axes"),
    "padding that is a flag": (
        lambda: wf.max_pool2d(IMAGES, 3, padding=True),
        "padding is a number, 2 numbers, 2 pairs",
    ),
    "padding on three sides": (
        lambda: wf.max_pool2d(IMAGES, 3, padding=(1, (0, 1, 1))),
        "padding is a number, 2 numbers",
    ),
    "half a padding": (lambda: wf.max_pool2d(IMAGES, 3, padding=((0, 0.5), 1)), "padding is a number, 2 numbers"),
    "a padding below none": (lambda: wf.max_pool2d(IMAGES, 3, padding=((0, 1), (-1, 0))), "padding must be 0 or more"),
    "a stride that is a flag": (
        lambda: wf.max_pool2d(IMAGES, 3, stride=True),
        "stride is one whole number, or one for",
    ),
    "one stride in a row": (lambda: wf.max_pool2d(IMAGES, 3, stride=(2,)), "stride is one whole number, or one for"),
    "two sizes of a line": (
        lambda: wf.max_pool1d(LINES, (2, 3)),
        r"size is one whole number, or one in a tuple for the spatial axis; \(2, 3\) is not",
    ),
    "two paddings of a line": (
        lambda: wf.max_pool1d(LINES, 3, padding=(1, 1)),
        r"padding is a number, \(\(before, after\),\)",
    ),
    "a window behind the end": (
        lambda: wf.max_pool1d(LINES, 9, 2, 1),
        "its length is 9, x's with padding 1 and 1 is 8",
    ),
    "a window that hangs too far": (
        lambda: wf.max_pool1d(LINES, 10, 2, 1, True),
        "its length is 10, x's with padding 1 and 2 is 9",
    ),
    "windows that do not fit": (
        lambda: apply(MaxPool((4,), (1,), ((0, 0),)), LINES[:, :, :2]),
        r"\(4,\) does not fit in \(2,\)",
    ),
    "cotangents of other windows": (
        lambda: apply(MaxPoolScatter((2,), (2,), ((0, 0),)), LINES, wf.zeros((2, 3, 4))),
        r"max_pool_scatter: \(2, 3, 4\) instead of \(2, 3, 3\)",
    ),
    "elements of another image": (
        lambda: apply(MaxPoolGather((2,), (2,), ((0, 0),)), LINES, LINES[:, :, 1:]),
        r"max_pool_gather: \(2, 3, 5\) instead of \(2, 3, 6\)",
    ),
    "sums of other windows": (
        lambda: apply(SumPoolScatter((2,), (2,), ((0, 0),), False, (6,)), LINES),
        r"sum_pool_scatter: \(6,\) instead of \(3,\)",
    ),
    "a norm that is text": (lambda: wf.lp_pool2d(IMAGES, 2, "2"), "lp_pool2d: p must be a number above 0, and is '2'"),
    "an image without a batch": (lambda: wf.max_pool2d(IMAGES[0], 2), "x needs 4 axes, .* and has 3"),
    "an index beyond all": (lambda: X[2**63], "index 9223372036854775808 is no index"),
    "a mask that is too narrow": (
        lambda: X[wf.tensor("m", (3, 3), "bool")],
        "The mask has size 3 along axis 1 .* has size 4",
    ),
    "several predicates": (lambda: wf.cond(V > 0, 1.0, 2.0), r"cond: the predicate must be a scalar, .* shape \(4,\)"),
    "a predicate that is a float": (
        lambda: wf.cond(S, 1.0, 2.0),
        "cond: the predicate must be a bool, and it is float32",
    ),
    "branches of two dtypes": (
        lambda: wf.cond(B, V, V.astype("float64")),
        "cond: one branch gives float32, the other float64",
    ),
    "branches of two ranks": (lambda: wf.cond(B, V, X), r"cond: one branch gives \(4,\), the other \(3, 4\)"),
    "branches of two sizes": (
        lambda: wf.cond(B, V, wf.zeros((3,))),
        r"cond: one branch gives \(4,\), the other \(3,\)",
    ),
    "branches of two structures": (
        lambda: wf.cond(B, (V,), [V, V]),
        r"one branch gives \(\.,\), the other \[\., \.\]\.",
    ),
    "branches of other names": (
        lambda: wf.cond(B, {"a": V, "b": None}, (V, [S])),
        r"one branch gives \{'a': \., 'b': None\}, the other \(\., \[\.\]\)",
    ),
    "steps in a row of any number": (
        lambda: wf.scan(step, 0.0, Y, unroll=2),
        "scan: the number of steps is n, and with unroll or checkpoint_every it must be known",
    ),
    "no step in a row": (lambda: wf.scan(step, 0.0, V, unroll=0), "scan: unroll is a whole number from 1 up, not 0"),
    "no step between checkpoints": (
        lambda: wf.scan(step, 0.0, V, checkpoint_every=0),
        "scan: checkpoint_every is a whole number from 1 up, not 0",
    ),
    "checkpoints that are a flag": (
        lambda: wf.scan(step, 0.0, V, checkpoint_every=True),
        "scan: checkpoint_every is a whole number from 1 up, not True",
    ),
    "another carry than a number": (
        lambda: wf.scan(lambda c, x: ((c + x.astype("float64"), c), x), 0, V),
        r"<lambda> takes a carry of the form \. and returns \(\., \.\)",
    ),
    "one carry for two numbers": (
        lambda: wf.scan(lambda c, x: (c[0] + x.astype("float64"), x), (0, 1), V),
        r"<lambda> takes a carry of the form \(\., \.\) and returns \.",
    ),
    "a carry of another rank": (
        lambda: wf.scan(lambda c, x: (c + V, x), 0.0, V),
        r"has shape \(\) at first, and \(4,\)",
    ),
    "a carry of another size": (
        lambda: wf.scan(lambda c, x: (c[1:], x), V, V),
        r"carry number 0 \(v\) has shape \(4,\) at first, and \(3,\) after a step",
    ),
    "a second carry of another dtype": (
        lambda: wf.scan(lambda c, x: ((c[0], c[1] * 2.5), x), (V, I), V),
        r"carry number 1 \(i\) is int64 at first, and float32 after a step",
    ),
    "a step without a name": (
        lambda: wf.scan(functools.partial(lambda c, x: [c, x]), 0.0, V),
        r"step must return \(carry, y\), and it returned \[\., \.\]",
    ),
    "a step that returns three": (lambda: wf.scan(lambda c, x: (c, x, x), 0.0, V), r"it returned \(\., \., \.\)"),
    "a step that returns nothing": (lambda: wf.scan(lambda c, x: None, 0.0, V), "it returned NoneType"),
    "an end without a name": (
        lambda: wf.scan(step, 0.0, V, until=functools.partial(lambda c, y: V > 1)),
        r"the condition must return a bool scalar, and it returned bool\(4,\)",
    ),
    "an end that is a number": (
        lambda: wf.while_loop(lambda c: c - 3, lambda c: c + 1, 0),
        r"<lambda> must return a bool scalar, and it returned int64\(\)",
    ),
    "checkpoints of as many steps as a value says": (
        lambda: wf.scan(step, 0.0, X, length=I[0], checkpoint_every=2),
        "scan: the number of steps is a value, and with",
    ),
    "steps in a row that may end": (
        lambda: wf.scan(step, 0.0, V, unroll=2, until=lambda c, y: c > 1),
        "it must be known, without until",
    ),
    "an end of a loop backwards": (
        lambda: wf.scan(step, 0.0, V, reverse=True, until=lambda c, y: c > 1),
        "scan: a loop that ends early runs forwards",
    ),
    "a sequence of one number": (lambda: wf.scan(step, 0.0, S), "scan: a sequence has at least one axis"),
    "a length that is a float": (
        lambda: wf.scan(step, 0.0, V, length=S),
        r"scan: length is a whole number, and this is float32\(\)",
    ),
    "several lengths": (lambda: wf.scan(step, 0.0, V, length=I), r"scan: length is a whole number, .* int64\(3,\)"),
    "a length below none": (lambda: wf.scan(step, 0.0, V, length=-1), "A size is a number from 0 up"),
    "a class of one number": (
        lambda: wf.pick(S, wf.constant(0)),
        r"pick: labels of shape \(\) do not fit rows of shape \(\)",
    ),
    "labels for fewer rows": (lambda: wf.pick(X, [0, 1]), r"labels of shape \(2,\) do not fit .* need shape \(3,\)"),
    "labels for a row": (lambda: wf.crossentropy(V, I), r"labels of shape \(3,\) do not fit .* need shape \(\)"),
    "a label for rows": (lambda: wf.crossentropy(X, 1), r"labels of shape \(\) do not fit .* need shape \(3,\)"),
    "probabilities of other classes": (
        lambda: wf.crossentropy(X, wf.zeros((3, 5))),
        r"crossentropy: probabilities of shape \(3, 5\) for logits of shape \(3, 4\)",
    ),
    "probabilities for one row": (lambda: wf.crossentropy(X, V), r"probabilities of shape \(4,\) for logits of shape"),
    "a scale of another size": (lambda: wf.batch_norm(X, np.ones(3), V), r"scale has shape \(3,\); .* it needs \(4,\)"),
    "a shift of another rank": (lambda: wf.batch_norm(X, V, X), r"shift has shape \(3, 4\); .* it needs \(4,\)"),
    "whole numbers in a row": (lambda: wf.local_response_norm(I[None]), "local_response_norm takes floats, not int64"),
    "whole numbers that drop out": (lambda: wf.dropout(I, 0.5, RATES), "dropout takes floats, not int64"),
    "a rate above all": (lambda: wf.dropout(X, 1.0, RATES), r"dropout: the rate is in \[0, 1\), and 1\.0 is not"),
    "sizes that do not meet": (
        lambda: X + wf.zeros((3,)),
        r"add: shapes \(3, 4\) and \(3,\) do not broadcast: axis -1 has sizes 4 and 3",
    ),
    "sizes of three that do not meet": (
        lambda: wf.clip(wf.zeros((2, 1, 4)), X, wf.zeros((2, 1))),
        r"clip: shapes .* do not broadcast: axis -2 has sizes 3 and 2",
    ),
    "a number above int8": (lambda: SMALL + 128, "128 does not fit in int8, whose values go from -128 to 127"),
    "a number below int8": (lambda: SMALL * -129, "-129 does not fit in int8"),
    "a number above uint8": (lambda: wf.maximum(SMALL.astype("uint8"), 256), "256 does not fit in uint8"),
    "vectors to the op of matrices": (lambda: apply(MatMul(), V, V), r"matrices have two axes or more, not \(4,\)"),
    "matrices of two dtypes to their op": (lambda: apply(MatMul(), X, X.T.astype("float64")), "matmul: .*float64"),
    "one matrix to the op of many": (
        lambda: apply(Solve(), SQUARE, SQUARE),
        r"solve: the operand is \(batch, m, n\) here, not \(4, 4\)",
    ),
    "other right sides to the op of many": (
        lambda: apply(SolveTriangular(True), SQUARE[None], wf.zeros((2, 4, 1))),
        "solve_triangular: 1 matrices and 2 right sides",
    ),
    "right sides of another dtype": (lambda: apply(Solve(), SQUARE[None], wf.zeros((1, 4, 1), "float64")), "solve: "),
    "right sides that do not fit": (lambda: wf.solve_triangular(SQUARE, wf.zeros((3, 2))), "do not fit"),
    "images to the op of lines": (
        lambda: apply(Conv((1,), ((0, 0),), (1,), (1,)), IMAGES, IMAGES),
        "conv: shapes .* need 3 axes each",
    ),
    "a kernel that the op has no room for": (
        lambda: apply(Conv((1,), ((0, 0),), (1,), (1,)), wf.zeros((1, 1, 2)), wf.zeros((1, 1, 5))),
        "conv: a kernel of .* does not fit",
    ),
    "an order that is none": (lambda: apply(Transpose((0, 0)), X), "transpose"),
    "fewer axes to stretch to": (lambda: apply(BroadcastTo((4,)), X), r"broadcast_to: \(3, 4\) does not broadcast"),
    "another size to stretch to": (lambda: apply(BroadcastTo((2, 3, 5)), X), r"broadcast_to: \(3, 4\) does not"),
    "an axis that is not 1": (lambda: apply(Squeeze((0,)), X), r"squeeze: axis 0 of \(3, 4\) has size 3, not 1"),
    "an axis that there is not": (lambda: apply(Squeeze((2,)), X), "squeeze"),
    "a new axis far behind": (lambda: apply(ExpandDims((3,)), X), "expand_dims"),
    "a new axis twice": (lambda: apply(ExpandDims((0, 0)), X), "expand_dims"),
    "more than there is": (lambda: apply(Slice((0, 0), (1, 1), (4, 4)), X), "slice"),
    "more than there is from a place": (lambda: apply(Slice((0, 1), (1, 1), (3, 4)), X), "slice"),
    "more than there is by steps": (lambda: apply(Slice((0, 0), (1, 3), (3, 3)), X), "slice"),
    "more than there is backwards": (lambda: apply(Slice((2, 2), (1, -1), (1, 4)), X), "slice"),
    "from before the first": (lambda: apply(Slice((-1, 0), (1, 1), (1, 4)), X), "slice"),
    "without a step": (lambda: apply(Slice((0, 0), (0, 1), (3, 4)), X), "slice"),
    "places of one axis of two": (lambda: apply(Slice((0,), (1,), (3,)), X), "slice"),
    "back to less": (lambda: apply(Unslice((0,), (1,), (3,)), V), "unslice"),
    "back to less by steps": (lambda: apply(Unslice((1,), (2,), (7,)), V), "unslice"),
    "a width less than none": (lambda: apply(Pad(((1, -1),)), V, S), "pad"),
    "widths of one axis of two": (lambda: apply(Pad(((1, 1),)), X, S), "pad"),
    "several numbers around": (lambda: apply(Pad(((1, 1),)), V, V), "pad"),
    "a number of another dtype around": (lambda: apply(Pad(((1, 1),)), V, S.astype("float64")), "pad: .*float64"),
    "a vector behind a matrix": (lambda: apply(Concatenate(0), X, V), "concatenate"),
    "along an axis that there is not": (lambda: apply(Concatenate(2), X, X), "concatenate"),
    "one behind another of another dtype": (lambda: apply(Concatenate(0), V, I), "concatenate: .*int64"),
    "other sizes one behind another": (lambda: apply(Concatenate(1), X, wf.zeros((2, 4))), "concatenate along axis 1"),
    "index arrays of two ranks to their op": (
        lambda: apply(Gather((0, 1)), X, I, wf.iota((3, 3))),
        r"The index arrays have shapes \(3,\) and \(3, 3\)",
    ),
    "bits of floats": (lambda: S & 1, "bitwise_and takes integers or bools, not float32"),
    "bits of half a number": (lambda: I & 1.5, "bitwise_and takes integers or bools, not float32"),
    "the difference of flags": (lambda: B - B, "sub is not defined for bool"),
    "a thing": (lambda: wf.sum(object()), "A value of type object cannot be part of an expression"),
    "text": (lambda: wf.sum("abc"), "A value of type str cannot be part of an expression"),
    "a seed that is text": (lambda: wf.random.Stream("a"), "A seed is a whole number, not 'a'"),
    "an end that is text": (lambda: RATES.uniform((3,), "a"), "uniform: low is a number, or an expression .* not 'a'"),
    "a spread that is a flag": (lambda: RATES.normal((3,), 0.0, True), "normal: std is a number, .* not True"),
    "a chance that is text": (lambda: RATES.bernoulli("a", (3,)), "bernoulli: p is a number, .* not 'a'"),
    "half a number": (lambda: RATES.integers(0.5, 3, 2), r"integers: low is a whole number.* not 0\.5"),
    "no blocks": (lambda: RATES.bits((3,), 2**40), "bits: blocks is a whole number from 1 to 1000"),
    "several results as one": (
        lambda: wf.relu(wf.batch_norm(X, V, V)),
        "relu: batch_norm gives 3 results, y, mean and var, and one value is wanted here",
    ),
    "several results in arithmetic": (lambda: 2 * wf.topk(X, 2), "topk gives 2 results, values and places"),
    "several results and one more": (lambda: wf.svd(SQUARE) + X, "svd gives 3 results, u, s and vt"),
    "several results behind one": (lambda: X - wf.qr(SQUARE), "sub: qr gives 2 results, q and r"),
    "the method of several results": (lambda: wf.eigh(SQUARE).sum(), "eigh gives 2 results, values and vectors"),
    "values of a node that has several": (lambda: wf.exp(wf.callback(np.modf, [X.type] * 2, X)[0].args[0]), "2 values"),
    "a generator that is a number": (
        lambda: layers.dense_params(4, 3, 0),
        r"dense_params: rng is a numpy\.random\.Generator, not 0",
    ),
    "units that are none": (lambda: layers.dense_params("a", 3, RNG), "dense_params: inputs is a whole number"),
    "a step's arguments": (
        lambda: wf.scan(lambda c: (c, c), 0.0, V),
        r"scan: step is called with the carry and the elements of xs, and <lambda> takes \(c\)",
    ),
    "non-sequences that are one": (lambda: wf.scan(step, 0.0, V, X), "non_sequences is a list of further arguments"),
    "averages that are none": (
        lambda: layers.batch_norm(X, True, mean=V),
        "batch_norm: mean and var are running averages",
    ),
    "test time that a number says": (
        lambda: layers.batch_norm(X, 1),
        "batch_norm: training is a bool or a scalar bool expression, not 1",
    ),
    "an epsilon that is an array": (lambda: wf.batch_norm(X, V, V, 0, np.ones(2)), "eps is a finite number from 0 up"),
    "losses of all pairs": (
        lambda: losses.squared_error(X[:, :1], wf.zeros(3)),
        r"squared_error: predictions of shape \(3, 1\) and targets of shape \(3,\) stretch each other",
    ),
    "losses of all pairs the other way": (
        lambda: losses.absolute_error(wf.zeros(3), X[:, :1]),
        r"absolute_error: predictions of shape \(3,\) and targets of shape \(3, 1\) stretch each other",
    ),
    "losses of rows and columns": (
        lambda: wf.binary_crossentropy(X[:, :1], X[:1]),
        r"binary_crossentropy: logits of shape \(3, 1\) and targets of shape \(1, 4\) stretch each other",
    ),
    "a shape that is a number of nothing": (lambda: init.constant((2, -1)), "constant: A shape is a sequence of whole"),
    "weights without units": (lambda: init.he_normal((3,), RNG), r"he_normal: Weights of shape \(3,\)"),
    "more than all memory": (lambda: init.constant(2**45), "constant: An array of shape .* takes more memory"),
    "a learning rate that is text": (lambda: updates.sgd(LOSS, [W], "a"), "sgd: A value of type str cannot be part"),
    "one parameter": (lambda: updates.sgd(LOSS, W), "sgd: params is a list .*, not one expression"),
    "updates that are none": (lambda: updates.apply_momentum(LOSS), "apply_momentum: updates is a dict"),
    "a decay that is text": (lambda: updates.rmsprop(LOSS, [W], rho="a"), "rmsprop: rho is a finite number, not 'a'"),
    "text as a value": (lambda: wf.evaluate(X, {X: "abc"}), "evaluate: The value of x holds text, and weft has bools"),
    "text as an output": (lambda: wf.evaluate("abc"), "evaluate: outputs is an expression, or a list of them"),
    "a size that nothing has": (
        lambda: wf.evaluate(wf.zeros("abc")),
        "evaluate: broadcast_to depends on a size, and no array of the call has the size 'abc'",
    ),
    "more than certain": (
        lambda: wf.random.Stream(1).bernoulli(2.0, (3,)),
        r"bernoulli: p is a probability in \[0, 1\]",
    ),
    "an interval that ends before it begins": (
        lambda: wf.random.Stream(1).uniform((3,), 1, 0),
        r"uniform: \[1, 0\) ends before it begins",
    ),
    "an interval without an end": (
        lambda: wf.random.Stream(1).uniform((3,), 0, np.nan),
        r"uniform: \[0, nan\) ends before",
    ),
    "less than impossible": (lambda: RATES.bernoulli(-0.1, (3,)), r"bernoulli: p is a probability in \[0, 1\]"),
    "no number to draw": (lambda: RATES.integers(3, 3, (2,)), r"integers: \[3, 3\) must hold from 1 .* and holds 0"),
    "too many numbers to draw": (lambda: RATES.integers(0, 2**32 + 1, 2), "and holds 4294967297"),
    "numbers above uint8": (lambda: RATES.integers(0, 257, 2, "uint8"), r"uint8 does not hold all of \[0, 257\)"),
    "numbers below uint8": (lambda: RATES.integers(-1, 3, 2, "uint8"), r"uint8 does not hold all of \[-1, 3\)"),
    "whole numbers that are floats": (lambda: RATES.integers(0, 3, 2, "float32"), "float32 does not hold all of"),
    "more means than draws": (
        lambda: RATES.normal((4,), mean=X),
        "normal: the parameters' shape .* does not broadcast",
    ),
    "more spreads than draws": (lambda: RATES.normal((1,), std=V), "normal: the parameters' shape"),
    "more ends than draws": (lambda: RATES.uniform((), high=V), "uniform: the parameters' shape"),
    "more chances than draws": (lambda: RATES.bernoulli(V, (2, 1)), "bernoulli: the parameters' shape"),
    "whole numbers that are normal": (lambda: wf.random.Stream(1).normal((3,), dtype="int32"), "normal draws floats"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name):
    call, says = REFUSED[name]
    with pytest.raises(wf.WeftError, match=says) as caught:
        call()
    assert "test_arguments.py" in "".join(caught.value.__notes__)


def test_hints_name_the_dtype():
    for call in (lambda: wf.scalar("t", "int64"), lambda: wf.shared(1.0, "int64")):
        with pytest.raises(wf.ArgumentError) as caught:
            call()
        assert any("dtype='int64'" in note for note in caught.value.__notes__)


def test_inputs_that_nothing_needs():
    """An input may be there for its size alone, if no array that is needed says it."""
    x, v = wf.matrix("x", ("n", 4)), wf.vector("v", ("n",))
    with pytest.raises(wf.ArgumentError, match="Nothing depends on the input v"):
        wf.function([x, v], x.sum())
    assert wf.function([v], wf.ones((v.shape[0], 2)))(np.ones(3, "f4")).shape == (3, 2)


MAXIMA, MEANS = (wf.max_pool1d, wf.max_pool2d, wf.max_pool3d), (wf.avg_pool1d, wf.avg_pool2d, wf.avg_pool3d)
POOL = {"stride": 2, "padding": 0, "ceil_mode": False}
CONV = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "flip": False}


def drawn_twice(draw):
    """The draw by streams that are alike."""
    stream = copy.copy(RATES)
    return draw(stream)


LEFT_OUT = {
    "reductions": lambda: [
        (f(X), f(X, axis=None, keepdims=False))
        for f in (wf.sum, wf.prod, wf.max, wf.min, wf.any, wf.all, wf.mean, wf.var, wf.std, wf.argmax, wf.argmin)
    ],
    "degrees of freedom": lambda: [(f(X, 1), f(X, 1, False, ddof=0)) for f in (wf.var, wf.std)],
    "logsumexp": lambda: [(wf.logsumexp(X), wf.logsumexp(X, (0, 1), False))],
    "the last axis": lambda: [(f(CUBE), f(CUBE, axis=2)) for f in (wf.softmax, wf.log_softmax, wf.sort, wf.argsort)],
    "running sums": lambda: [(f(X), f(wf.ravel(X), 0)) for f in (wf.cumsum, wf.cumprod)],
    "differences": lambda: [(wf.diff(CUBE), wf.diff(CUBE, 1, 2))],
    "the largest": lambda: list(zip(wf.topk(CUBE, 2), wf.topk(CUBE, 2, 2), strict=True)),
    "joins": lambda: [(f([CUBE, CUBE]), f([CUBE, CUBE], 0)) for f in (wf.concatenate, wf.stack)],
    "pieces": lambda: list(zip(wf.split(X, 3), wf.split(X, 3, 0), strict=True)),
    "repetitions": lambda: [(wf.repeat(X, 2), wf.repeat(wf.ravel(X), 2, 0))],
    "orders": lambda: [(wf.flip(X), wf.flip(X, (0, 1))), (wf.transpose(X), wf.transpose(X, (1, 0)))],
    "places": lambda: [
        (wf.take(X, I), wf.take(wf.ravel(X), I, 0)),
        (wf.take_along_axis(CUBE, wf.iota((2, 3, 1))), wf.take_along_axis(CUBE, wf.iota((2, 3, 1)), 2)),
        (wf.iota((3, 4)), wf.iota((3, 4), 0, "int64")),
    ],
    "around": lambda: [(wf.pad(X, 1), wf.pad(X, 1, 0)), (wf.flatten(IMAGES), wf.flatten(IMAGES, 0))],
    "numbers from 0": lambda: [(wf.arange(7), wf.arange(0, 7, 1, "int64")), (wf.arange(2, 7), wf.arange(2, 7, 1))],
    "diagonals": lambda: [
        (wf.eye(3), wf.eye(3, 3, 0, "float32")),
        (wf.tril(X), wf.tril(X, 0)),
        (wf.triu(X), wf.triu(X, 0)),
        (wf.solve_triangular(SQUARE, V), wf.solve_triangular(SQUARE, V, lower=False)),
    ],
    "products": lambda: [(wf.tensordot(X, X), wf.tensordot(X, X, ((0, 1), (0, 1))))],
    "slopes": lambda: [(wf.elu(X), wf.elu(X, 1.0)), (wf.leaky_relu(X), wf.leaky_relu(X, 0.01))],
    "normalisation": lambda: [
        *zip(wf.batch_norm(X, V, V), wf.batch_norm(X, V, V, 0, 1e-5), strict=True),
        (wf.layer_norm(CUBE, V, V), wf.layer_norm(CUBE, V, V, 2, 1e-5)),
        (wf.local_response_norm(IMAGES), wf.local_response_norm(IMAGES, 5, 2.0, 1e-4, 0.75, 1)),
    ],
    "pooling": lambda: [
        *((f(x, 2), f(x, 2, **POOL)) for f, x in zip(MAXIMA, (LINES, IMAGES, VOLUMES), strict=True)),
        *(
            (f(x, 2, padding=padding), f(x, 2, 2, padding, False, count_include_pad=False))
            for f, x, padding in zip(MEANS, (LINES, IMAGES, VOLUMES), (1, 1, 0), strict=True)
        ),
        (wf.sum_pool2d(IMAGES, 2), wf.sum_pool2d(IMAGES, 2, **POOL)),
        (wf.lp_pool2d(IMAGES, 2), wf.lp_pool2d(IMAGES, 2, 2, **POOL)),
    ],
    "convolution": lambda: [
        (f(x, w), f(x, w, None, **CONV))
        for f, x, w in (
            (wf.conv1d, LINES, wf.zeros((4, 3, 2))),
            (wf.conv2d, IMAGES, wf.zeros((4, 3, 2, 2))),
            (wf.conv3d, VOLUMES, wf.zeros((4, 3, 2, 2, 2))),
        )
    ],
    "convolution back": lambda: [
        (f(x, w), f(x, w, None, output_padding=0, **CONV))
        for f, x, w in (
            (wf.conv1d_transpose, LINES, wf.zeros((3, 4, 2))),
            (wf.conv2d_transpose, IMAGES, wf.zeros((3, 4, 2, 2))),
            (wf.conv3d_transpose, VOLUMES, wf.zeros((3, 4, 2, 2, 2))),
        )
    ],
    "draws": lambda: [
        (drawn_twice(lambda r: r.uniform((3,))), drawn_twice(lambda r: r.uniform((3,), 0.0, 1.0, "float32"))),
        (drawn_twice(lambda r: r.normal((3,))), drawn_twice(lambda r: r.normal((3,), 0.0, 1.0, "float32"))),
        (drawn_twice(lambda r: r.bernoulli(S, (3,))), drawn_twice(lambda r: r.bernoulli(S, (3,), "bool"))),
        (drawn_twice(lambda r: r.integers(2, 9, 3)), drawn_twice(lambda r: r.integers(2, 9, (3,), "int64"))),
        (drawn_twice(lambda r: wf.dropout(X, 0.5, r)), drawn_twice(lambda r: wf.dropout(X, 0.5, r, True))),
    ],
    "hinges": lambda: [(wf.nn.losses.multiclass_hinge(X, I), wf.nn.losses.multiclass_hinge(X, I, 1.0))],
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_what_the_documentation_says(name):
    for short, full in LEFT_OUT[name]():
        assert short is full


def test_hints_lead_on():
    for call, leads in (
        (lambda: wf.max_pool2d(IMAGES[0], 2), True),
        (lambda: wf.max_pool2d(LINES[0], 2), False),
        (lambda: wf.conv2d(IMAGES, IMAGES[0]), False),
    ):
        with pytest.raises(wf.ShapeError, match="needs 4 axes") as caught:
            call()
        assert ("x[None] gives it a batch axis" in "".join([str(caught.value), *caught.value.__notes__])) == leads
    assert apply(MaxPool((3,), (2,), ((0, 0),)), LINES[:, :, :2]).shape == (2, 3, 0)
    assert wf.max_pool1d(LINES, 9, 2, 1, True).shape == (2, 3, 1)


def test_squares_that_only_a_call_knows():
    a, b = wf.tensor("a", ("n", "m"), "float64"), wf.tensor("b", ("k", 2), "float64")
    given = {a: np.arange(6.0).reshape(2, 3), b: np.ones((2, 2))}
    several = [wf.inv(a), wf.det(a), wf.slogdet(a)[0], wf.cholesky(a), wf.eigh(a)[0], wf.solve(a, b)]
    several += [wf.solve_triangular(a, b), wf.solve(a @ a.T, b[1:]), wf.solve_triangular(a.T @ a, b)]
    for y in several:
        with pytest.raises(wf.GuardError):
            wf.evaluate(y, given)


def test_what_looks_odd_and_is_right():
    ends = [SMALL + 127, SMALL * -128, wf.minimum(SMALL.astype("uint8"), 255), wf.maximum(SMALL.astype("uint8"), 0)]
    assert [y.dtype.name for y in ends] == ["int8", "int8", "uint8", "uint8"]
    for start, stop in ((0, 5), (5, 0), (-5, -1), (2, -2.5), (3, 3)):
        for step in (np.inf, -np.inf):
            found = wf.arange(start, stop, step).eval()
            assert found.tolist() == ([start] if (stop - start) * step > 0 else []), (start, stop, step)
    assert wf.reshape(wf.tensor("x", (0, 5)), (-1, 5)).shape == (0, 5)
    x = wf.tensor("x", (2, 3), "bool")
    assert wf.sum(x, np.array([0, 1]), np.True_).shape == (1, 1)
    assert wf.evaluate(wf.tile(x, np.array([1, 2])), {x: np.eye(2, 3, dtype=bool)}).shape == (2, 6)
    u = wf.tensor("u", (3,), "uint8")
    assert wf.evaluate(wf.index_set(u, 1, 255), {u: np.zeros(3)}).tolist() == [0, 255, 0]


def test_largest_of_fewer_at_the_call():
    x = wf.vector("x", ("n",))
    f = wf.function([x], list(wf.topk(x, 3)))
    assert [r.tolist() for r in f(np.array([1, 3, 2], "float32"))] == [[3, 2, 1], [1, 2, 0]]
    with pytest.raises(wf.GuardError, match="topk"):
        f(np.ones(2, "float32"))


def test_trace_sums_the_diagonals_of_matrices():
    rng = np.random.default_rng(0)
    for shape in ((3, 3), (2, 4), (4, 2), (0, 2), (2, 3, 5)):
        value = rng.normal(size=shape)
        value[..., 1:2, 0:1] = np.nan  # beside the diagonal
        x = wf.tensor("x", [None] * len(shape), "float64")
        np.testing.assert_allclose(wf.function([x], wf.trace(x))(value), np.trace(value, axis1=-2, axis2=-1))


def test_several_results_are_a_tuple():
    x = wf.matrix("x", (2, 4))
    given = np.arange(8, dtype="float32").reshape(2, 4)
    values, places = both = wf.topk(x, 2)
    assert isinstance(both, tuple)
    assert both == (values, places)
    assert type(both.__add__((x,))) is tuple
    assert not hasattr(both, "shape")
    assert not hasattr(both, "nothing_of_the_kind")
    found = wf.function([x], both)(given)
    assert isinstance(found, tuple)
    assert [r.tolist() for r in found] == [r.tolist() for r in wf.evaluate(both, {x: given})]
    again, _ = wf.jvp(wf.topk(x, 2)[0], x, x), wf.cond(B, both, both)
    assert again.shape == (2, 2)
    assert copy.copy(both) == both
    assert pickle.loads(pickle.dumps(both)).names == ("values", "places")
    with pytest.raises(wf.ArgumentError, match="topk gives 2 results") as caught:
        wf.exp(both)
    travelled = pickle.loads(pickle.dumps(caught.value))
    assert type(travelled) is wf.ArgumentError
    assert str(travelled) == str(caught.value)


def test_losses_that_stretch_one_side():
    x, row = wf.matrix("x", ("n", 4)), wf.vector("row", (4,))
    for loss in (losses.squared_error, losses.absolute_error, wf.binary_crossentropy):
        shapes = [loss(*pair).shape for pair in ((x, x), (x, row), (row, x), (x, 1.0), (0.5, x), (x, x[:, :1]))]
        assert shapes == [x.shape] * 6


def test_windows_that_only_a_call_finds_too_large():
    images, kernel = wf.tensor("images", (1, 1, "h", 5), "float64"), wf.zeros((1, 1, 3, 3), "float64")
    small, fitting = np.ones((1, 1, 2, 5)), np.ones((1, 1, 3, 5))
    pools = [wf.max_pool2d(images, 3), wf.avg_pool2d(images, 3), wf.sum_pool2d(images, 3), wf.lp_pool2d(images, 3)]
    for y in (*pools, wf.conv2d(images, kernel)):
        assert wf.evaluate(y, {images: fitting}).shape[2] == 1
        f = wf.function([images], y)
        assert f(fitting).shape[2] == 1
        for call in (lambda f=f: f(small), lambda y=y: wf.evaluate(y, {images: small})):
            with pytest.raises(wf.ShapeError, match="a window of 3 does not fit in axis 2, which has 2 elements"):
                call()
    for y in (wf.max_pool2d(images, 3, padding=1), wf.conv2d(images, kernel, padding=1)):
        assert wf.evaluate(y, {images: np.ones((1, 1, 1, 5))}).shape[2] == 1
        with pytest.raises(wf.ShapeError, match="which has 0 elements with 2 of padding"):
            wf.evaluate(y, {images: np.ones((1, 1, 0, 5))})
    hanging = wf.max_pool2d(images, 3, 2, ceil_mode=True)
    assert wf.evaluate(hanging, {images: small}).shape[2] == 1


def test_lengths_that_only_a_call_knows():
    x, length = wf.vector("x", ("n",), "float64"), wf.scalar("k", dtype="int64")
    outputs = wf.scan(lambda c, a: (c + a, c), wf.constant(0.0, "float64"), x, length=length)
    f = wf.function([x, length], list(outputs))
    for steps in (0, 2, 3):
        last, all_steps = f(np.arange(1.0, 4.0), steps)
        assert last == np.arange(1.0, 4.0)[:steps].sum()
        assert all_steps.shape == (3,)
    for steps in (4, -1, 2**40):
        for call in (
            lambda k=steps: f(np.ones(3), k),
            lambda k=steps: wf.evaluate(list(outputs), {x: np.ones(3), length: k}),
        ):
            text = f"scan: length is {steps}, and the sequences have 3 elements"
            with pytest.raises(wf.IndexRangeError, match=text) as caught:
                call()
            assert "outputs = wf.scan(" in "".join(caught.value.__notes__)


def test_a_value_inside_of_a_step_is_not_outside():
    x, kept = wf.vector("x", ("n",)), []

    def kept_step(carry, a):
        kept.append(carry + a)
        return kept[-1], kept[-1]

    wf.scan(kept_step, 0.0, x)
    for call in (lambda: wf.function([x], kept[0] * 2), lambda: wf.evaluate(kept[0] * 2, {x: np.ones(3)})):
        with pytest.raises(wf.ArgumentError, match="a value inside of a step") as caught:
            call()
        assert "return it from the step as y" in "".join(caught.value.__notes__)


def test_a_step_in_the_order_of_other_libraries():
    w, u = wf.shared(np.ones((4, 5), np.float32), "w"), wf.shared(np.ones((5, 5), np.float32), "u")

    def other_order(a, h):
        return (wf.tanh(a @ w + h @ u),) * 2

    with pytest.raises(wf.ShapeError, match="inner dimensions differ") as caught:
        wf.scan(other_order, wf.zeros(5), X)
    hint = "scan calls the step with the carry, float32(5,), and the element of xs, float32(4,), in this order."
    assert hint in "".join(caught.value.__notes__)


def test_how_many_labels_are_right():
    scores, labels = wf.matrix("scores", ("n", 3)), wf.vector("labels", ("n",), "int64")
    share = (scores.argmax(1) == labels).mean()
    assert share.dtype == "float32"
    found = wf.function([scores, labels], share)(np.eye(3, dtype="f4"), [0, 1, 1])
    np.testing.assert_allclose(found, 2 / 3, rtol=1e-6)


def test_a_number_through_gelu():
    for y in (wf.gelu(-1), wf.gelu(-1.0)):
        assert y.dtype == wf.evaluate(y).dtype == y.eval().dtype


def test_errors_name_the_function_that_was_called():
    """The user's own, where he called it: a step, and not the loop around it."""

    def step(carry, a):
        return carry + "text", a

    with pytest.raises(wf.DTypeError, match=r"^add: A value of type str"):
        wf.scan(step, 0.0, V)
    for call, name in (
        (lambda: np.exp("a" + X), "add"),
        (lambda: np.add(X, "a"), "add"),
        (lambda: X.astype("float99"), "astype"),
        (lambda: X.sum("a"), "sum"),
        (lambda: wf.vector("v", dtype="float99"), "vector"),
        (lambda: layers.dense(X, "a"), "dense"),
        (lambda: wf.random.Stream(None), "Stream"),
    ):
        with pytest.raises(wf.WeftError, match=f"^{name}: "):
            call()


def test_sizes_that_a_call_makes_impossible():
    x, k = wf.matrix("x", ("n", 3)), wf.scalar("k", dtype="int64")
    parts = wf.reshape(x, (k, -1))
    f = wf.function([x, k], parts)
    assert f(np.ones((2, 3), "f4"), 3).shape == (3, 2)
    for call in (lambda: f(np.ones((2, 3), "f4"), 0), lambda: wf.evaluate(parts, {x: np.ones((2, 3)), k: 0})):
        with pytest.raises(wf.GuardError, match=r"reshape: the size .* divides by 0 in this call") as caught:
            call()
        assert "parts = wf.reshape(x, (k, -1))    <- here" in "".join(caught.value.__notes__)
    many = wf.repeat(x, 2**61, 0)
    for call in (lambda: many.eval({x: np.ones((2, 3), "f4")}), lambda: wf.evaluate(many, {x: np.ones((2, 3))})):
        with pytest.raises(wf.OutOfMemoryError, match="more than any memory holds"):
            call()


def test_lists_that_are_no_arrays():
    with pytest.raises(wf.ShapeError, match=r"^exp: A list of values of shapes \(3, 4\) and \(4,\) is no array"):
        wf.exp([X, V])
    with pytest.raises(wf.ShapeError, match=r"^exp: A list of values of shapes \(2,\) and \(1,\) is no array"):
        wf.exp([[1, 2], [3]])
    with pytest.raises(wf.ArgumentError, match=r"^shared: x is an expression"):
        wf.shared([X])
    assert wf.exp([V, V]).shape == (2, 4)
    assert wf.exp([[1, 2], [3, 4]]).shape == (2, 2)

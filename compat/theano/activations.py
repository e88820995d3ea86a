"""theano.tensor.nnet: activations and costs under Theano's names."""

from __future__ import annotations

from typing import Any

import weft as wf

from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from .convert import floats, unwrap
from .elementwise import sigmoid, softplus, switch
from .notes import made_by
from .ops import Work
from .variables import Variable, wrap

__all__ = ["sigmoid", "softplus"]


def _rows(x: Any) -> Expr:
    """A matrix whose rows are distributions: a vector is one row."""
    node = floats(x)
    if node.ndim not in (1, 2):
        text = f"x must be a vector or a matrix, and has {node.ndim} axes."
        raise blame(ValueError(text), user_site(), node.site)
    return wf.expand_dims(node, 0) if node.ndim == 1 else node


class Softmax(Work):
    """T.nnet.softmax."""

    def __call__(self, x: Any) -> Any:
        return softmax(x)


class LogSoftmax(Work):
    """T.nnet.logsoftmax."""

    def __call__(self, x: Any) -> Any:
        return logsoftmax(x)


class SoftmaxWithBias(Work):
    """T.nnet.softmax_with_bias."""

    def __call__(self, x: Any, b: Any) -> Any:
        return softmax_with_bias(x, b)


class CrossentropyCategorical1Hot(Work):
    """T.nnet.crossentropy_categorical_1hot."""

    def __call__(self, coding_dist: Any, true_one_of_n: Any) -> Any:
        return crossentropy_categorical_1hot(coding_dist, true_one_of_n)


@made_by(lambda c: (Softmax(), [c]))
def softmax(c: Any) -> Any:
    """exp(c) / sum(exp(c)) in each row; of a vector, a matrix of one row."""
    return wrap(wf.softmax(_rows(c), 1))


softmax_op = Softmax()
softmax_graph = softmax


@made_by(lambda x: (LogSoftmax(), [x]))
def logsoftmax(x: Any) -> Any:
    """log(softmax(x)), without losing digits."""
    return wrap(wf.log_softmax(_rows(x), 1))


@made_by(lambda x, b: (SoftmaxWithBias(), [x, b]))
def softmax_with_bias(x: Any, b: Any) -> Any:
    """softmax(x + b)."""
    return wrap(wf.softmax(_rows(wrap(unwrap(x) + unwrap(b))), 1))


def relu(x: Any, alpha: Any = 0) -> Any:
    """x where it is positive, alpha x elsewhere.  Gradient at 0: the mean of both.  Of an array, an array."""
    if not isinstance(x, Variable) and not isinstance(alpha, Variable):
        return 0.5 * (1 + alpha) * x + 0.5 * (1 - alpha) * abs(x)
    node = unwrap(x)
    if isinstance(alpha, int | float) and alpha == 0:
        return wrap(0.5 * (node + wf.abs(node)))
    slope = unwrap(alpha)
    return wrap(0.5 * (1 + slope) * node + 0.5 * (1 - slope) * wf.abs(node))


def elu(x: Any, alpha: Any = 1) -> Any:
    """x where it is positive, alpha (exp(x) - 1) elsewhere."""
    node = unwrap(x)
    return switch(wrap(node > 0), node, unwrap(alpha) * wf.expm1(node))


def selu(x: Any) -> Any:
    """The scaled elu of self-normalising networks (Klambauer et al. 2017)."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return wrap(wf.softsign(unwrap(x)))


def hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5, cut at 0 and 1."""
    return wrap(wf.clip(0.2 * unwrap(x) + 0.5, 0.0, 1.0))


def ultra_fast_sigmoid(x: Any) -> Any:
    """The sigmoid from three pieces of x / (1 + x) and straight lines; wrong by up to 0.02."""
    half = 0.5 * unwrap(x)
    size = wf.abs(half)
    steep = 1.5 * size / (1 + size)
    flat = 0.935409070603099 + 0.0458812946797165 * (size - 1.7)
    curve = wf.where(size < 1.7, steep, wf.where(size < 3, flat, 0.99505475368673))
    return wrap(0.5 * (wf.where(half >= 0, curve, -curve) + 1))


# ---- costs -----------------------------------------------------------------------------------------------------------


def binary_crossentropy(output: Any, target: Any) -> Any:
    """-(t log(o) + (1 - t) log(1 - o)), for each element."""
    o, t = unwrap(output), unwrap(target)
    return wrap(-(t * wf.log(o) + (1.0 - t) * wf.log(1.0 - o)))


def sigmoid_binary_crossentropy(output: Any, target: Any) -> Any:
    """The binary crossentropy of sigmoid(output), without losing digits."""
    return wrap(wf.binary_crossentropy(unwrap(output), weft_cast(unwrap(target), unwrap(output).dtype)))


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> Any:
    """-sum(true log(coding)) in each row; whole numbers name the one class that is true."""
    coding, true = unwrap(coding_dist), unwrap(true_dist)
    if true.ndim == coding.ndim:
        return wrap(-wf.sum(true * wf.log(coding), coding.ndim - 1))
    if true.ndim != coding.ndim - 1:
        text = f"The true distribution has {true.ndim} axes, and the coding one {coding.ndim}: as many or one less."
        raise blame(TypeError(text), user_site(), true.site, coding.site)
    return wrap(-wf.pick(wf.log(coding), weft_cast(true, "int64")))


def crossentropy_softmax_1hot(x: Any, y_idx: Any, **ignored: Any) -> Any:
    """(categorical_crossentropy(softmax(x), y_idx), softmax(x))."""
    node = _rows(x)
    return wrap(wf.crossentropy(node, weft_cast(unwrap(y_idx), "int64"))), wrap(wf.softmax(node, 1))


def crossentropy_softmax_1hot_with_bias(x: Any, b: Any, y_idx: Any, **ignored: Any) -> Any:
    """crossentropy_softmax_1hot of x + b."""
    return crossentropy_softmax_1hot(wrap(unwrap(x) + unwrap(b)), y_idx)


@made_by(lambda coding_dist, true_one_of_n: (CrossentropyCategorical1Hot(), [coding_dist, true_one_of_n]))
def crossentropy_categorical_1hot(coding_dist: Any, true_one_of_n: Any) -> Any:
    """-log(coding[i, true[i]])."""
    return categorical_crossentropy(coding_dist, true_one_of_n)


def confusion_matrix(actual: Any, pred: Any) -> Any:
    """[how often each pair of actual and predicted class occurs, the classes in order]."""
    both = wf.concatenate([unwrap(actual).ravel(), unwrap(pred).ravel()])
    line = wf.sort(both)
    first = wf.concatenate([wf.ones((1,), "bool"), wf.ne(line[1:], line[:-1])])
    order = line[first]
    rows, columns = (wf.eq(wf.expand_dims(unwrap(v), 1), order).astype("int64") for v in (actual, pred))
    return [wrap(wf.transpose(rows) @ columns), wrap(order)]


def prepend_scalar_to_each_row(val: Any, mat: Any) -> Any:
    """A matrix with one more column, in front, that holds the value."""
    node = unwrap(mat)
    column = wf.full((node.shape[0], 1), weft_cast(unwrap(val), node.dtype))
    return wrap(wf.concatenate([column, node], 1))


def prepend_1_to_each_row(mat: Any) -> Any:
    """A matrix with a column of ones in front."""
    return prepend_scalar_to_each_row(1, mat)


def h_softmax(
    x: Any,
    batch_size: Any,
    n_outputs: int,
    n_classes: int,
    n_outputs_per_class: int,
    W1: Any,
    b1: Any,
    W2: Any,
    b2: Any,
    target: Any = None,
) -> Any:
    """The softmax of classes, and of the outputs in each: the probability of the target, or of all n_outputs.

    x (batch, features), W1 (features, n_classes), W2 (n_classes, features, n_outputs_per_class) and their b.
    """
    node, first, second = unwrap(x), unwrap(W1), unwrap(W2)
    classes = wf.softmax(node @ first + unwrap(b1), 1)
    if target is None:
        inside = wf.softmax(wf.einsum("bf,cfo->bco", node, second) + unwrap(b2), 2)
        every = wf.expand_dims(classes, 2) * inside
        return wrap(wf.reshape(every, (node.shape[0], n_classes * n_outputs_per_class))[:, :n_outputs])
    wanted = weft_cast(unwrap(target).ravel(), "int64")
    which, place = wanted // n_outputs_per_class, wf.mod(wanted, n_outputs_per_class)
    scores = wf.einsum("bf,bfo->bo", node, wf.take(second, which, 0)) + wf.take(unwrap(b2), which, 0)
    return wrap(wf.pick(classes, which) * wf.pick(wf.softmax(scores, 1), place))

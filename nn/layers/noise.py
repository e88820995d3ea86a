"""Noise in training, which leaves expected values as they are: dropout and its kind.  At test time nothing happens.

Each of these takes `training`, a bool or a scalar bool expression that a call decides by, and `rng`, a
`random.Stream`.  Without one it makes its own, seeded by `init.generator()`: equal programs draw equal numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops import normalization, scalar
from ...ops.axes import normalize
from ...ops.coerce import check_scalar
from ...ops.creation import ones
from ...ops.elementwise import cast
from ...ops.linalg import matmul
from ...symbolic.arguments import check_number
from ...symbolic.errors import ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.grad import stop_gradient
from ..activations import SELU_ALPHA, SELU_SCALE
from ..arguments import as_floats, stream, training_flag

SELU_AT_MINUS_INFINITY = -SELU_SCALE * SELU_ALPHA


def dropout(x: Any, rate: Any, rng: Any = None, training: Any = True) -> Expr:
    """x / (1 - rate) where a draw keeps the element, 0 where it drops it, which happens with probability `rate`.

    Parameters
    ----------
    x : float expression
    rate : a number in [0, 1), or a scalar expression
    rng : a `random.Stream`; None: one of its own, seeded by `init.generator()`
    training : a bool, or a scalar bool expression; False: x as it is

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014, Dropout, section 10 (scaling at training time).
    """
    node, flag = as_floats("dropout", x), training_flag("dropout", training)
    if rng is None and isinstance(rate, int | float) and rate == 0:
        return node
    return normalization.dropout(node, rate, stream("dropout", rng), flag)


def spatial_dropout(x: Any, rate: Any, rng: Any = None, training: Any = True, *, axis: int = 1) -> Expr:
    """x / (1 - rate) where a draw keeps the channel, 0 where it drops all of it: one draw for each of each example.

    Parameters
    ----------
    x : (batch, channels, ...) floats
    rate, rng, training : as `dropout` takes them
    axis : that of the channels

    References
    ----------
    Tompson, Goroshin, Jain, LeCun, Bregler 2015, Efficient Object Localization Using Convolutional Networks,
    section 3.2.
    """
    node = as_floats("spatial_dropout", x)
    place = normalize(axis, node.ndim, "spatial_dropout", node)
    return _all_or_none("spatial_dropout", node, (0, place), rate, rng, training)


def stochastic_depth(x: Any, rate: Any, rng: Any = None, training: Any = True) -> Expr:
    """x / (1 - rate) where a draw keeps the example, 0 where it drops it: `h + stochastic_depth(branch(h), 0.1)`.

    Parameters
    ----------
    x : (batch, ...) floats: the branch of a residual block
    rate, rng, training : as `dropout` takes them

    References
    ----------
    Huang, Sun, Liu, Sedra, Weinberger 2016, Deep Networks with Stochastic Depth, section 3 (there for a whole batch).
    """
    return _all_or_none("stochastic_depth", as_floats("stochastic_depth", x), (0,), rate, rng, training)


def drop_connect(w: Any, rate: Any, rng: Any = None, training: Any = True) -> Expr:
    """w / (1 - rate) where a draw keeps the weight, 0 where it drops it: for a layer's `w`, one draw for a batch.

    Parameters
    ----------
    w : float expression: weights
    rate, rng, training : as `dropout` takes them

    References
    ----------
    Wan, Zeiler, Zhang, LeCun, Fergus 2013, Regularization of Neural Networks using DropConnect, section 3.
    """
    flag = training_flag("drop_connect", training)
    return normalization.dropout(as_floats("drop_connect", w), rate, stream("drop_connect", rng), flag)


def alpha_dropout(x: Any, rate: Any, rng: Any = None, training: Any = True, *, axis: int | None = None) -> Expr:
    """a x + b where a draw keeps the element, a s + b where it drops it: mean 0 and variance 1 stay, as `selu` wants.

    s = -1.7581 is what selu tends to at minus infinity; with q = 1 - rate, a = 1 / sqrt(q + s² q (1 - q)) and
    b = -a (1 - q) s.

    Parameters
    ----------
    x : float expression, of mean 0 and variance 1
    rate, rng, training : as `dropout` takes them
    axis : that of channels, of which each is dropped as one, as by `spatial_dropout`; None: each element

    References
    ----------
    Klambauer, Unterthiner, Mayr, Hochreiter 2017, Self-Normalizing Neural Networks, section "New Dropout Technique".
    """
    node, low = as_floats("alpha_dropout", x), SELU_AT_MINUS_INFINITY
    own = range(node.ndim) if axis is None else (0, normalize(axis, node.ndim, "alpha_dropout", node))
    drawn = tuple(n if i in own else 1 for i, n in enumerate(node.shape))

    def noisy(rng: Any, keep: Expr) -> Expr:
        a = scalar.rsqrt(keep + low * low * keep * (1.0 - keep))
        return a * (scalar.where(rng.bernoulli(keep, drawn), node, low) - low * (1.0 - keep))

    return _in_training("alpha_dropout", node, rate, rng, training, noisy)


def gaussian_dropout(x: Any, rate: Any, rng: Any = None, training: Any = True) -> Expr:
    """x times a normal draw of mean 1 and variance rate / (1 - rate), which are those of dropout's factors.

    Parameters
    ----------
    x : float expression
    rate, rng, training : as `dropout` takes them

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014, Dropout, section 10.
    """
    node = as_floats("gaussian_dropout", x)

    def noisy(rng: Any, keep: Expr) -> Expr:
        return node * (1.0 + scalar.sqrt((1.0 - keep) / keep) * rng.normal(node.shape, dtype=node.dtype))

    return _in_training("gaussian_dropout", node, rate, rng, training, noisy)


def gaussian_noise(x: Any, std: Any, rng: Any = None, training: Any = True) -> Expr:
    """x plus a normal draw of mean 0 for each element.

    Parameters
    ----------
    x : float expression
    std : the standard deviation: a number from 0 up, or a scalar expression
    rng, training : as `dropout` takes them
    """
    node, flag = as_floats("gaussian_noise", x), training_flag("gaussian_noise", training)
    if not isinstance(std, Expr):
        check_number("gaussian_noise: std", std, least=0)
    spread = cast(check_scalar("gaussian_noise: std", std), node.dtype)
    draws = stream("gaussian_noise", rng)
    if flag is False:
        return node
    return scalar.where(flag, node + spread * draws.normal(node.shape, dtype=node.dtype), node)


def shakeout(x: Any, w: Any, rate: Any, c: float, rng: Any = None, training: Any = True) -> Expr:
    """x @ w with noise that regularises as dropout does, and by the weights' absolute values besides.

    A draw for each input of each example drops it with probability `rate`: its weights count as -c sign(w), and as
    (w + c rate sign(w)) / (1 - rate) where it is kept.  With c = 0 that is dropout of x.

    Parameters
    ----------
    x : (batch, features) floats
    w : (features, units) floats
    rate, rng, training : as `dropout` takes them
    c : a number from 0 up

    References
    ----------
    Kang, Li, Tao 2016, Shakeout: A New Regularized Deep Neural Network Training Scheme, section 3.
    """
    node, weights = as_floats("shakeout", x), as_floats("shakeout", w)
    check_number("shakeout: c", c, least=0)

    def noisy(rng: Any, keep: Expr) -> Expr:
        factors = scalar.where(rng.bernoulli(keep, node.shape), 1.0 / keep, 0.0)
        return matmul(node * factors, weights) + c * matmul(node * (factors - 1.0), scalar.sign(weights))

    return _in_training("shakeout", matmul(node, weights), rate, rng, training, noisy)


def _all_or_none(name: str, x: Expr, axes: tuple[int, ...], rate: Any, rng: Any, training: Any) -> Expr:
    """Dropout with one draw for each index of some axes."""
    if not x.ndim:
        raise blame(ShapeError(f"{name}: x is a number, and has no examples."), user_site(), x.site)
    flag = training_flag(name, training)
    each = ones(tuple(n if i in axes else 1 for i, n in enumerate(x.shape)), x.dtype)
    return x * normalization.dropout(each, rate, stream(name, rng), flag)


def _in_training(
    name: str, tested: Expr, rate: Any, rng: Any, training: Any, noisy: Callable[[Any, Expr], Expr]
) -> Expr:
    """noisy(stream, probability to keep) in training, else `tested`."""
    flag, draws = training_flag(name, training), stream(name, rng)
    normalization.check_rate(name, rate, tested)
    keep = 1.0 - stop_gradient(cast(check_scalar(f"{name}: the rate", rate), tested.dtype))
    return tested if flag is False else scalar.where(flag, noisy(draws, keep), tested)

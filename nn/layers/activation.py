"""Activations with parameters, or draws, of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.activations import softmax
from ...ops.axes import normalize
from ...ops.creation import iota
from ...ops.elementwise import as_float, cast
from ...ops.movement import reshape
from ...ops.reduce import argmax
from ...symbolic.arguments import check_flag, check_number
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.grad import custom_gradient
from .. import activations
from ..arguments import check_positive, stream, training_flag
from ..naming import layer_name
from .weights import features, parameter


def prelu(x: Any, slope: Any = 0.25, *, axis: int | None = 1, name: str | None = None) -> Expr:
    """x where x > 0, else slope * x, with a slope for each feature that is trained.  Derivative at 0: slope.

    Parameters
    ----------
    x : (batch, features, ...)
    slope : (features,) the trained parameter: a number that fills it, an initialiser, an array, or an expression
    axis : of the features; None: one slope for all of x, of shape ()
    name : the parameter is `{name}_slope`; None: `prelu`, `prelu2` ...

    Raises ShapeError for features of a size that is no number, and for a slope that does not fit.

    References
    ----------
    He et al. 2015, Delving Deep into Rectifiers, equation 1.
    """
    node = as_float(x)
    place = None if axis is None else normalize(axis, node.ndim, "prelu", node)
    name = layer_name("prelu", name)
    shape = () if place is None else (features("prelu", node, place, slope),)
    return activations.prelu(node, parameter("prelu: slope", slope, shape, f"{name}_slope"), place or 0)


def rrelu(x: Any, low: float = 1 / 8, high: float = 1 / 3, rng: Any = None, training: Any = True) -> Expr:
    """x where x > 0, else slope * x, with a slope for each element that is drawn evenly from [low, high).

    Parameters
    ----------
    x : floats, or integers, which become floats
    low, high : numbers
    rng : a `random.Stream`; None: one of its own, seeded by `init.generator()`
    training : a bool, or a scalar bool expression; where it is False, the slope is (low + high) / 2

    References
    ----------
    Xu, Wang, Chen, Li 2015, Empirical Evaluation of Rectified Activations in Convolutional Network, section 2.4.
    """
    if check_number("rrelu: low", low) > check_number("rrelu: high", high):
        raise blame(ArgumentError(f"rrelu: low is {low!r}, and high is {high!r}, which is below it."), user_site())
    node, flag, draws = as_float(x), training_flag("rrelu", training), stream("rrelu", rng)
    slope: Any = (low + high) / 2
    if flag is not False:
        slope = scalar.where(flag, draws.uniform(node.shape, low, high, node.dtype), slope)
    return scalar.where(scalar.gt(node, 0), node, node * slope)


def gumbel_softmax(x: Any, temperature: Any = 1.0, rng: Any = None, *, hard: bool = False, axis: int = -1) -> Expr:
    """softmax((x + noise) / temperature): a class drawn with probabilities softmax(x), through which gradients flow.

    Parameters
    ----------
    x : logits, with the classes along `axis`; integers become floats
    temperature : a number above 0, or a scalar expression: the lower, the nearer to 1 is one element, and to 0 are the
        others
    rng : a `random.Stream`; None: one of its own, seeded by `init.generator()`
    hard : True: 1 at the largest element and 0 elsewhere, with the gradient of the softmax

    References
    ----------
    Jang, Gu, Poole 2017, Categorical Reparameterization with Gumbel-Softmax, equations 1 and 2.
    """
    node, draws = as_float(x), stream("gumbel_softmax", rng)
    place = normalize(axis, node.ndim, "gumbel_softmax", node)
    check_positive("gumbel_softmax: temperature", temperature)
    unit = scalar.maximum(draws.uniform(node.shape, dtype=node.dtype), float(np.finfo(node.dtype).tiny))
    soft = softmax((node - scalar.log(-scalar.log(unit))) / temperature, place)
    return _one_hot(soft, place) if check_flag("gumbel_softmax", "hard", hard) else soft


def _one_hot(soft: Expr, axis: int) -> Expr:
    classes = reshape(iota((soft.shape[axis],)), tuple(-1 if i == axis else 1 for i in range(soft.ndim)))
    hard = cast(scalar.eq(argmax(soft, axis, keepdims=True), classes), soft.dtype)
    return _straight_through(hard, soft)


_straight_through = custom_gradient(lambda hard, soft: hard, lambda g, out, hard, soft: [None, g])

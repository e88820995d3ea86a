"""Normalisations, with parameters and running averages of their own."""

from __future__ import annotations

from typing import Any

from ...ops import normalization, scalar
from ...ops.axes import normalize, normalize_all, without
from ...ops.creation import ones, zeros
from ...ops.elementwise import as_float, cast, widen
from ...ops.movement import reshape
from ...ops.reduce import count, mean, restore
from ...ops.updating import with_updates
from ...symbolic.arguments import check_count, check_number
from ...symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import Shared
from ..arguments import as_floats, check_fraction, check_positive, training_flag
from ..naming import layer_name
from ..norms import check_order, unit
from .weights import features, parameter


def batch_norm(
    x: Any,
    training: Any = True,
    scale: Any = 1.0,
    shift: Any = 0.0,
    mean: Any = 0.0,
    var: Any = 1.0,
    *,
    momentum: float = 0.9,
    eps: float = 1e-5,
    axis: int = 1,
    name: str | None = None,
) -> Expr:
    """scale * (x - mean) / sqrt(var + eps) + shift, for each feature along `axis`.

    In training mean and var are those of the batch, and every function that computes it updates the running averages:
    average := momentum * average + (1 - momentum) * the batch's.  At test time it takes the running averages.  The
    average takes the variance divided by n - 1, or by 1 for a single element; of an empty batch it takes nothing.

    Parameters
    ----------
    x : (batch, features, ...) floats
    training : a bool, or a scalar bool expression: one graph serves both, as in
        `wf.function(..., givens={training: False})`
    scale, shift : (features,) the trained parameters: a number that fills them, an initialiser, an array, or an
        expression; None: there is none
    mean, var : (features,) the running averages: a number, an array, or a shared variable
    momentum : how much of an average stays, a number in [0, 1]
    eps : added to the variance
    name : the variables are `{name}_scale`, `{name}_shift`, `{name}_mean` and `{name}_var`; None: `norm`, `norm2` ...

    Raises ShapeError for features of a size that is no number, ArgumentError for averages that are no shared variables.

    References
    ----------
    Ioffe, Szegedy 2015, Batch Normalization, algorithms 1 and 2.
    """
    node = as_floats("batch_norm", x)
    wide, place = widen(node), normalize(axis, node.ndim, "batch_norm", node)
    check_fraction("batch_norm: momentum", momentum)
    check_number("eps", eps, least=0)
    flag = training_flag("batch_norm", training)
    name, shape = layer_name("norm", name), (features("batch_norm", node, place, scale),)
    gain, offset = _gain_and_offset("batch_norm", wide, scale, shift, shape, name)
    m, v = (parameter(f"batch_norm: {k}", a, shape, f"{name}_{k}") for k, a in (("mean", mean), ("var", var)))
    _check_averages(m, v)
    middle, factor = cast(m, wide.dtype), gain * scalar.rsqrt(cast(v, wide.dtype) + eps)
    y = (wide - _along(middle, wide, place)) * _along(factor, wide, place) + _along(offset, wide, place)
    tested = with_updates(cast(y, node.dtype), {m: m, v: v})
    if flag is False:
        return tested
    axes = without(range(node.ndim), (place,))
    y, batch_mean, batch_var = normalization.batch_norm(wide, gain, offset, axes, eps)
    number = count(wide, axes, wide.dtype)
    fresh = {m: batch_mean, v: batch_var * (number / scalar.maximum(number - 1.0, 1.0))}
    trained = with_updates(cast(y, node.dtype), _move(fresh, momentum, number > 0, flag))
    return trained if flag is True else scalar.where(flag, trained, tested)


def layer_norm(
    x: Any, scale: Any = 1.0, shift: Any = 0.0, *, axes: Any = -1, eps: float = 1e-5, name: str | None = None
) -> Expr:
    """scale * (x - mean) / sqrt(var + eps) + shift, with the mean and variance over `axes` of each example.

    Parameters
    ----------
    x : (batch, ..., features) floats
    scale, shift : of the shape of x along `axes`, (features,): the trained parameters, a number that fills them, an
        initialiser, an array, or an expression; None: there is none
    axes : one, or several, of sizes that are numbers
    eps : added to the variance
    name : the parameters are `{name}_scale` and `{name}_shift`; None: `norm`, `norm2` ...

    Raises ShapeError for features of a size that is no number.

    References
    ----------
    Ba, Kiros, Hinton 2016, Layer Normalization, equation 4.
    """
    node, reduced, shape = _over_features("layer_norm", x, axes, scale, shift)
    wide = widen(node)
    gain, offset = _gain_and_offset("layer_norm", wide, scale, shift, shape, layer_name("norm", name))
    return cast(normalization.layer_norm(wide, gain, offset, reduced, eps), node.dtype)


def rms_norm(x: Any, scale: Any = 1.0, *, axes: Any = -1, eps: float = 1e-6, name: str | None = None) -> Expr:
    """scale * x / sqrt(mean(x²) + eps), with the mean over `axes` of each example.

    Parameters
    ----------
    x : (batch, ..., features) floats
    scale : of the shape of x along `axes`, (features,), as that of `layer_norm`; None: there is none
    axes : one, or several, of sizes that are numbers
    eps : added to the mean of the squares
    name : the parameter is `{name}_scale`; None: `norm`, `norm2` ...

    Raises ShapeError for features of a size that is no number.

    References
    ----------
    Zhang, Sennrich 2019, Root Mean Square Layer Normalization, equation 4.
    """
    node, reduced, shape = _over_features("rms_norm", x, axes, scale)
    check_number("eps", eps, least=0)
    wide = widen(node)
    gain, _ = _gain_and_offset("rms_norm", wide, scale, None, shape, layer_name("norm", name))
    inverse = scalar.rsqrt(mean(scalar.square(wide), reduced) + eps)
    return cast(wide * restore(inverse, wide, reduced) * _along(gain, wide, *reduced), node.dtype)


def group_norm(
    x: Any,
    groups: int,
    scale: Any = 1.0,
    shift: Any = 0.0,
    *,
    eps: float = 1e-5,
    axis: int = 1,
    name: str | None = None,
) -> Expr:
    """scale * (x - mean) / sqrt(var + eps) + shift, with the mean and variance of a group of channels of each example.

    Parameters
    ----------
    x : (batch, channels, ...) floats
    groups : of channels that stand together, all of one size: a divisor of the number of channels.  1: all channels
        are one; as many as channels: `instance_norm`
    scale, shift : (channels,) the trained parameters, as those of `layer_norm`; None: there is none
    eps : added to the variance
    axis : that of the channels, from 1 up
    name : the parameters are `{name}_scale` and `{name}_shift`; None: `norm`, `norm2` ...

    Raises ShapeError for channels whose number is a symbol, or that `groups` does not divide.

    References
    ----------
    Wu, He 2018, Group Normalization, equation 7.
    """
    node, place, channels = _of_channels("group_norm", x, axis, scale)
    of = check_count("group_norm", "groups", groups, least=1)
    if channels % of:
        text = f"group_norm: {channels} channels do not divide into {of} groups of one size."
        raise blame(ShapeError(text), user_site(), node.site)
    wide, apart = widen(node), (*node.shape[:place], of, channels // of, *node.shape[place + 1 :])
    normal = reshape(_standardise(reshape(wide, apart), place, eps), node.shape)
    gain, offset = _gain_and_offset("group_norm", wide, scale, shift, (channels,), layer_name("norm", name))
    return cast(_along(gain, wide, place) * normal + _along(offset, wide, place), node.dtype)


def instance_norm(
    x: Any, scale: Any = 1.0, shift: Any = 0.0, *, eps: float = 1e-5, axis: int = 1, name: str | None = None
) -> Expr:
    """scale * (x - mean) / sqrt(var + eps) + shift, with the mean and variance of each channel of each example.

    Parameters
    ----------
    x : (batch, channels, ...) floats, with an axis or more of space
    scale, shift : (channels,) the trained parameters, as those of `layer_norm`; None: there is none
    eps : added to the variance
    axis : that of the channels, from 1 up
    name : the parameters are `{name}_scale` and `{name}_shift`; None: `norm`, `norm2` ...

    Raises ShapeError for x without space, and for channels whose number is a symbol.

    References
    ----------
    Ulyanov, Vedaldi, Lempitsky 2016, Instance Normalization, equation 3.
    """
    node, place, channels = _of_channels("instance_norm", x, axis, scale)
    if node.ndim < 3:
        text = f"instance_norm: x has {node.ndim} axes, and needs 3 or more: over batch and channels nothing is left."
        raise blame(ShapeError(text), user_site(), node.site)
    wide = widen(node)
    gain, offset = _gain_and_offset("instance_norm", wide, scale, shift, (channels,), layer_name("norm", name))
    return cast(_along(gain, wide, place) * _standardise(wide, place, eps) + _along(offset, wide, place), node.dtype)


def unit_norm(x: Any, axis: int = -1, *, p: float = 2.0, eps: float = 1e-12) -> Expr:
    """x / max((sum of |x|**p)**(1/p), eps) along an axis: vectors of length 1, or 0.

    p : a number from 1 up, or math.inf;  eps : a number above 0.  Neither overflows nor underflows.
    """
    node = as_float(x)
    place = normalize(axis, node.ndim, "unit_norm", node)
    check_order("unit_norm: p", p)
    check_positive("unit_norm: eps", check_number("unit_norm: eps", eps))
    return unit(node, place, eps, p)


def _check_averages(*averages: Expr) -> None:
    for node in averages:
        if not isinstance(node.op, Shared):
            text = f"batch_norm: mean and var are running averages, which calls update: shared variables, not {node!r}."
            hint = "with statistics of your own, take wf.batch_norm, or write the formula."
            raise blame(ArgumentError(text), user_site(), node.site, hint=hint)


def _move(fresh: dict[Expr, Expr], momentum: float, *conditions: Any) -> dict[Expr, Expr]:
    """What averages become, of {average: the batch's}, where all conditions are true; elsewhere they stay."""
    averages = {old: momentum * old + (1 - momentum) * new.astype(old.dtype) for old, new in fresh.items()}
    for condition in conditions:
        if condition is not True:
            averages = {old: scalar.where(condition, new, old) for old, new in averages.items()}
    return averages


def _over_features(name: str, x: Any, axes: Any, *given: Any) -> tuple[Expr, tuple[int, ...], tuple[int, ...]]:
    """x, the axes over which it is normalised, and their sizes."""
    node = as_floats(name, x)
    reduced = normalize_all(axes, node.ndim, name, node)
    known = next((g for g in given if hasattr(g, "shape")), None)
    return node, reduced, tuple(features(name, node, a, known, i) for i, a in enumerate(reduced))


def _of_channels(name: str, x: Any, axis: Any, given: Any) -> tuple[Expr, int, int]:
    """x, the axis of its channels, and how many there are."""
    node = as_floats(name, x)
    place = normalize(axis, node.ndim, name, node)
    if place == 0:
        raise blame(ShapeError(f"{name}: axis 0 is that of the batch, and not of channels."), user_site(), node.site)
    return node, place, features(name, node, place, given)


def _gain_and_offset(
    layer: str, x: Expr, scale: Any, shift: Any, shape: tuple[int, ...], name: str
) -> tuple[Expr, Expr]:
    """What a normalised x is multiplied with, and what is added, in its dtype: parameters, or 1 and 0."""
    gain = ones(shape, x.dtype) if scale is None else parameter(f"{layer}: scale", scale, shape, f"{name}_scale")
    offset = zeros(shape, x.dtype) if shift is None else parameter(f"{layer}: shift", shift, shape, f"{name}_shift")
    return cast(gain, x.dtype), cast(offset, x.dtype)


def _standardise(x: Expr, place: int, eps: float) -> Expr:
    """(x - mean) / sqrt(var + eps) over all axes but the first and `place`."""
    axes = without(range(x.ndim), (0, place))
    shape = tuple(x.shape[a] for a in axes)
    return normalization.layer_norm(x, ones(shape, x.dtype), zeros(shape, x.dtype), axes, eps)


def _along(values: Expr, x: Expr, *axes: int) -> Expr:
    """Values along axes of x, repeated over all others."""
    return restore(values, x, without(range(x.ndim), axes))

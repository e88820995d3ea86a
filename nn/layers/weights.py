"""What a layer's parameters begin with: drawn, filled with a number, given as an array, or an expression as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...symbolic.arguments import check_count, check_function, is_number
from ...symbolic.arrays import as_array
from ...symbolic.dims import same, show
from ...symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.types import config
from ...symbolic.variables import shared
from .. import init
from ..naming import layer_name


def parameter(what: str, value: Any, shape: tuple[int, ...], name: str, rng: np.random.Generator | None = None) -> Expr:
    """The parameter of a layer that its argument `what` ("dense: w") says, of this shape.

    value : an initialiser, called as value(shape, rng); a number, which fills it; an array, with which it begins: each
        makes a shared variable of this name in config.float_dtype (an array keeps its dtype).  Or an expression, which
        is taken as it is: parameters that layers share
    rng : None: `init.generator()`

    Raises ArgumentError for anything else, ShapeError for what has another shape.
    """
    if isinstance(value, Expr):
        return _of_shape(what, value, shape)
    if callable(value):
        return shared(_draw(what, value, shape, rng), name)
    if is_number(value):
        return shared(init.constant(shape, value), name)
    if isinstance(value, np.ndarray | list | tuple):
        array = as_array(what, value)
        if array.dtype.kind in "iuf":
            keeps = array.dtype.kind == "f" and isinstance(value, np.ndarray)
            return _of_shape(what, shared(array if keeps else array.astype(config.float_dtype), name), shape)
    text = f"{what} is an initialiser, a number, an array or an expression, not {value!r}."
    raise blame(ArgumentError(text), user_site(), hint="such as nn.init.he_normal, or 0.0.")


def several_parameters(
    layer: str, given: Mapping[str, tuple[Any, tuple[int, ...]]], name: str, rng: np.random.Generator | None = None
) -> list[Expr]:
    """The parameters of a layer, of {argument: (its value, the shape)}, named `{name}_{argument}`."""
    return [parameter(f"{layer}: {k}", value, shape, f"{name}_{k}", rng) for k, (value, shape) in given.items()]


def new_parameter(
    shape: Any, value: Any = init.he_normal, name: str | None = None, *, rng: np.random.Generator | None = None
) -> Expr:
    """A shared variable of this shape for a layer of one's own: `w = layers.new_parameter((784, 256), name="w")`.

    Parameters
    ----------
    shape : sizes, all numbers
    value : an initialiser, a number that fills it, or an array
    name : the variable's, behind those of the scopes around it; None: `parameter`, `parameter2` ...
    rng : draws it; None: `init.generator()`
    """
    sizes = tuple(check_count("new_parameter", "a size", n) for n in (shape if np.iterable(shape) else (shape,)))
    return parameter("new_parameter: value", value, sizes, layer_name("parameter", name), rng)


def _draw(what: str, initialiser: Any, shape: tuple[int, ...], rng: np.random.Generator | None) -> np.ndarray:
    check_function(what, initialiser, ["the shape", "rng"])
    array = np.asarray(initialiser(shape, init.generator() if rng is None else rng))
    if array.shape != shape or array.dtype.kind != "f":
        found = f"{array.dtype.name} of shape {show(array.shape)}"
        text = f"{what}: the initialiser gives {found}, not floats of shape {show(shape)}."
        raise blame(ShapeError(text), user_site())
    return array


def _of_shape(what: str, node: Expr, shape: tuple[int, ...]) -> Expr:
    check_shape(what, node, shape)
    return node


def features(what: str, x: Expr, axis: int, given: Any = None, place: int = 0, groups: int = 1) -> int:
    """The size of an axis of x, by which parameters are made: a number, there or in what is given for a parameter.

    given : an array or an expression whose axis `place` has this size, divided by `groups`; all else says nothing

    Raises ShapeError where it is a symbol.
    """
    size = x.shape[axis]
    if not isinstance(size, int) and len(getattr(given, "shape", ())) > place:
        wanted = given.shape[place]
        size = wanted * groups if isinstance(wanted, int) else size
    if not isinstance(size, int):
        text = f"{what}: axis {axis % x.ndim} of x has the size {size}, and parameters are made for a number."
        raise blame(ShapeError(text), user_site(), x.site, hint='give it where x is made, as in ("batch", 784).')
    return size


def check_shape(what: str, node: Expr, shape: tuple[Any, ...]) -> None:
    """Raise ShapeError unless an argument of a layer has this shape."""
    if node.ndim != len(shape) or any(same(a, b) is False for a, b in zip(node.shape, shape, strict=True)):
        text = f"{what} has shape {show(node.shape)}, and the layer needs {show(shape)}."
        raise blame(ShapeError(text), user_site(), node.site)

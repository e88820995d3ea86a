"""`callback`: a plain Python function inside a compiled one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..symbolic.arguments import check_flag, check_function, check_name
from ..symbolic.arrays import as_array, is_foreign_array
from ..symbolic.dims import Shape, show
from ..symbolic.errors import ArgumentError, DTypeError, GradientError, ShapeError, at_site, blame, user_site
from ..symbolic.expr import Expr, Op, apply, serial
from ..symbolic.leaves import items
from ..symbolic.records import record
from ..symbolic.sizes import shape_of
from ..symbolic.types import DType, TupleType, Type, dtype
from .coerce import as_expr
from .creation import zeros_like
from .elementwise import cast


@record
class Callback(Op):
    """function(*args): arrays in, arrays of these dtypes and shapes out, one or `several`; it runs in Python."""

    function: Callable[..., Any]
    dtypes: tuple[DType, ...]
    shapes: tuple[Shape, ...]
    several: bool
    rule: Callable[..., Any] | None  # the derivative
    title: str
    effects: bool = False
    number: int | None = None  # tells a call with effects from all others
    accepts_float16 = True
    holds = True

    @property
    def name(self) -> str:
        return f"callback:{self.title}"

    @property
    def details(self) -> str:
        """What is printed of it."""
        return "effects" if self.effects else ""

    def infer(self, *types: Type) -> Type | TupleType:
        found = tuple(map(Type, self.dtypes, self.shapes))
        return TupleType(found) if self.several else found[0]

    def numpy(self, *values: np.ndarray) -> Any:
        results = self.results([np.array(v, order="C") for v in values])
        found = [np.array(r, kind) for r, kind in zip(results, self.dtypes, strict=True)]
        return tuple(found) if self.several else found[0]

    def vjp(self, g: Any, out: Expr, *args: Expr) -> Sequence[Any]:
        if self.rule is None:
            text = f"{self.name} runs in Python and has no derivative: give callback a vjp, or use stop_gradient."
            raise GradientError(text)
        if self.several:
            outs = list(items(out))
            g = [zeros_like(o) if c is None and o.type.is_float else c for o, c in zip(outs, g, strict=True)]
            found = self.rule(g, outs, *args)
        else:
            found = self.rule(g, out, *args)
        many = found if isinstance(found, list | tuple) else [found]
        return [c if c is None or callable(c) else as_expr(c) for c in many]

    # ---- running it -------------------------------------------------------------------------------------------------

    def results(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the function makes of arrays that are its own, checked.  Whatever is raised gets the node's line."""
        site = user_site()
        try:
            with at_site(None):
                found = self.function(*values)
            return [self._check(place, value) for place, value in enumerate(self._as_list(found))]
        except BaseException as error:
            blame(error, site)
            raise

    def _as_list(self, found: Any) -> Sequence[Any]:
        """The results in a row."""
        if not self.several:
            return [found]
        if isinstance(found, list | tuple) and len(found) == len(self.dtypes):
            return found
        what = f"a {type(found).__name__}" + (f" of {len(found)}" if isinstance(found, list | tuple) else "")
        raise ArgumentError(f"{self.name} must return a tuple of {len(self.dtypes)} arrays, and it returned {what}.")

    def _check(self, place: int, value: Any) -> np.ndarray:
        """A result as an array, if it is one of the dtype and shape that were promised."""
        wanted, shape = self.dtypes[place], self.shapes[place]
        array = as_array(f"What {self.name} returned", value) if is_foreign_array(value) else np.asarray(value)
        if type(value) in (bool, int, float) and np.result_type(wanted, value) == wanted:
            array = np.asarray(value, wanted)
        if array.shape == shape and array.dtype.newbyteorder("=") == wanted:
            return array
        which = f" as result number {place}" if self.several else ""
        what = "None" if value is None else f"{array.dtype.name}{show(array.shape)}"
        text = f"{self.name} must return {Type(wanted, shape)}{which}, and it returned {what}."
        if array.shape != shape:
            raise ShapeError(text)
        hint = f"return result.astype({wanted.name!r}), or promise the dtype that it has."
        raise blame(DTypeError(text), user_site(), hint=hint)


def callback(
    f: Callable[..., Any],
    types: Any,
    *args: Any,
    vjp: Callable[..., Any] | None = None,
    name: str | None = None,
    effects: bool = False,
) -> Any:
    """f(*args), where f is a plain Python function of NumPy arrays: it runs in Python whenever its turn comes.

        def counts(labels):
            return np.bincount(labels, minlength=10)

        n = wf.callback(counts, wf.Type("int64", (10,)), labels)

    Parameters
    ----------
    f : function of one array for each of `args`; the arrays are its own, to change or to keep.  It returns an array
        of the type promised (a Python number will do for a scalar), or a tuple of arrays where `types` is a list.
        It runs on the thread that calls the compiled function.  It may call compiled functions itself, and must not
        wait for other threads that do.
    types : the type of the result, a `wf.Type(dtype, shape)` or that of another expression, `x.type`; or a list of
        types.  Sizes are numbers, names or symbols.
    args : expressions, numbers or arrays; a Python number becomes an array without axes
    vjp : function(g, out, *args) of expressions that returns the cotangent of each argument, None where there is none.
        With several results g and out are lists; g has None for results that are no floats.
    name : what graphs, profiles and errors call it; None: the name of f
    effects : whether f does more than compute its result: prints, counts, draws random numbers.  Without, f is taken
        for a function of its arguments: equal calls are one, what does not change in a loop is called before it, and
        a call of constants may run while the function is compiled.  With, each call stands by itself where it was
        written, and runs as long as its result is used.

    Returns
    -------
    Expr, or a list of them where `types` is a list

    Raises
    ------
    ArgumentError
        where f is no function, or `types` no types
    ShapeError, DTypeError
        when it runs and the result is not of the type promised
    GradientError
        when a derivative is taken and there is no vjp
    Whatever f raises reaches the caller of the compiled function as it is, with the line of the callback; shared
    variables are then as they were.

    Gradient
    --------
    What `vjp` says.
    """
    check_function("callback: f", f, [f"argument {i}" for i in range(1, len(args) + 1)])
    if vjp is not None:
        check_function("callback: vjp", vjp)
    effects = check_flag("callback", "effects", effects)
    wanted = _types(types)
    title = check_name(name) or str(getattr(f, "__name__", type(f).__name__))
    dtypes, shapes = tuple(t.dtype for t in wanted), tuple(t.shape for t in wanted)
    several = not isinstance(types, Type)
    number = serial() if effects else None
    op = Callback(_hashable(f), dtypes, shapes, several, _hashable(vjp), title, effects, number)
    node = apply(op, *[_strong(as_expr(a)) for a in args])
    return list(items(node)) if several else node


def _types(types: Any) -> list[Type]:
    """The types of the results, with dtypes and sizes as users write them made plain."""
    listed = [types] if isinstance(types, Type) else types
    if not isinstance(listed, list | tuple) or not all(isinstance(t, Type) for t in listed):
        text = f"callback: types is a wf.Type(dtype, shape) or a list of such, not {types!r}."
        raise blame(ArgumentError(text), user_site())
    if not listed:
        text = "callback: types is empty, and what has no result never runs."
        raise blame(ArgumentError(text), user_site(), hint="return one of the arguments, and use that instead.")
    return [Type(dtype(t.dtype), shape_of(t.shape)) for t in listed]


def _strong(node: Expr) -> Expr:
    """A Python number as an array of the dtype that it has by itself: f gets that, whatever else there is."""
    return cast(node, node.dtype) if node.type.weak else node


def _hashable(function: Any) -> Any:
    """The function as part of an op: callable objects without a hash are held by their method."""
    try:
        hash(function)
    except TypeError:
        return function.__call__
    return function

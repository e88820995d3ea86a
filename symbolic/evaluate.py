"""The oracle: run a graph with the ops' NumPy references, one node after the other, without compilation."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from .arguments import check_expressions, check_mapping
from .arrays import as_array
from .dims import SymDim, show
from .dims import value as number
from .errors import (
    ArgumentError,
    DTypeError,
    GuardError,
    LinAlgError,
    OutOfMemoryError,
    ShapeError,
    WeftError,
    at_site,
    axes,
    blame,
    user_site,
)
from .expr import Expr, Op, toposort
from .leaves import Input, Shared, Size, convert_exactly, storage_of
from .sizes import dims_of, sources, stored_sizes
from .storage import Sizes
from .substitution import with_sizes
from .types import BOOL, FLOAT16, FLOAT32, TupleType, Type, cast_with_losses


def evaluate(outputs: Any, values: Mapping[Expr, Any] | None = None) -> Any:
    """The value of one expression, or a list of values: NumPy arrays, computed by the reference of every op.

    `values` gives an array for each input.  Slow and obviously right: the reference that compiled code is tested
    against.  The arrays are the caller's own.
    """
    given = check_mapping("values", values)
    many = isinstance(outputs, list | tuple)
    results = [_own(r) for r in run(check_expressions("outputs", outputs), given)]
    return results if many else results[0]


def _own(result: Any) -> Any:
    """A copy: what is given, and what shared variables hold, stays theirs."""
    return tuple(np.array(r) for r in result) if isinstance(result, tuple) else np.array(result)


def run(roots: Sequence[Expr], given: Mapping[Expr, Any], known_sizes: Mapping[str, int] | None = None) -> list[Any]:
    """Values of the roots; `given` may hold any node's value, not only inputs'; `known_sizes` of symbols besides."""
    known, sizes = all_values(roots, given, known_sizes)
    if _watched.observer is not None:
        _watched.observer(roots, given, known, sizes)
    return [known[root] for root in roots]


def all_values(
    roots: Sequence[Expr], given: Mapping[Expr, Any], known_sizes: Mapping[str, int] | None = None
) -> tuple[dict[Expr, Any], dict[str, int]]:
    """The values of all nodes that the roots lead to, and the sizes of the symbols."""
    known: dict[Expr, Any] = {node: _array(node, value) for node, value in given.items()}
    order = toposort(roots, into=lambda n: n not in known)
    read = {node: storage_of(node).value for node in order if isinstance(node.op, Shared) and node not in known}
    shapes = {node: value.shape for node, value in {**known, **read}.items()}
    outer = {**sizes_in(stored_sizes(order)), **(known_sizes or {})}
    sizes = {**outer, **bind_sizes(shapes, outer)}
    for name, source in sources(order).items():
        if name not in sizes:
            sizes[name] = whole(int(run([source], given, sizes)[0]), source)
    with np.errstate(all="ignore"):
        for node in order:
            if node not in known:
                try:
                    known[node] = value_of(node, [known[a] for a in node.args], sizes)
                except WeftError:
                    raise
                except (KeyError, ZeroDivisionError, MemoryError, ValueError):
                    raise_unknown_size([node], sizes)
                    _raise_impossible_size(node, sizes)
                    raise
    return known, sizes


def raise_unknown_size(nodes: Iterable[Expr], sizes: Iterable[str]) -> None:
    """Raise ArgumentError where nothing says how large an axis is: a name that is a size of no array there is."""
    for node in nodes:
        for dim in dims_of([node]):
            missing = [name for name in dim.names if name not in sizes and name not in dim.sources]
            if missing:
                text = f"{node.op.name} depends on a size, and no array of the call has the size {missing[0]!r}."
                hint = "make what has this size an input, or read the shared variable that has it."
                raise blame(ArgumentError(text), user_site(), node.site, hint=hint)


def zero_divisor_error(node: Expr, dim: SymDim, sizes: Mapping[str, int]) -> GuardError:
    """The error for a size that is a quotient, where a call makes its divisor 0."""
    error = GuardError(f"{node.op.name}: the size {dim} divides by 0 in this call, where {dict(sizes)}.")
    return blame(error, node.site, *[a.site for a in node.args])


def _raise_impossible_size(node: Expr, sizes: Mapping[str, int]) -> None:
    """Raise GuardError where a size of a node is divided by 0, OutOfMemoryError where it has more than can be had."""
    for dim in dims_of([node]):
        try:
            dim.value(sizes)
        except ZeroDivisionError:
            raise zero_divisor_error(node, dim, sizes) from None
    for of in getattr(node.type, "items", (node.type,)):
        shape = [number(dim, sizes) for dim in of.shape]
        if math.prod(shape) * of.dtype.itemsize > MOST_BYTES:
            text = (
                f"{node.op.name} has {' x '.join(map(str, shape))} elements in this call, more than any memory holds."
            )
            raise blame(OutOfMemoryError(text), node.site, *[a.site for a in node.args])


def _array(node: Expr, value: Any) -> np.ndarray:
    what = f"The value of {node.name or 'an expression'}"
    return convert_exactly(as_array(what, value, node.site), node.dtype, what)


Observer: TypeAlias = Callable[[Sequence[Expr], Mapping[Expr, Any], dict[Expr, Any], dict[str, int]], None]


MOST_BYTES = 2**47  # that a process can address
FROM_A_STEP = "return it from the step as y: scan gives the y of all steps, stacked."


class _Observed(threading.local):
    observer: Observer | None = None


_watched = _Observed()


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """The observer gets (roots, given, all values, sizes) of every run inside, as of the steps of loops."""
    before, _watched.observer = _watched.observer, observer
    try:
        yield
    finally:
        _watched.observer = before


def whole(count: int, source: Expr) -> int:
    """The value that a size stands for.  Raises ShapeError where it is none."""
    if count < 0:
        raise blame(ShapeError(f"The size of an axis is computed to be {count}, which is less than 0."), source.site)
    return count


def value_of(node: Expr, args: list[Any], sizes: Mapping[str, int]) -> Any:
    """What a node's reference makes of the values of its arguments."""
    op: Any = node.op
    if isinstance(op, Input):
        text = f"There is no value for {op.label or 'an input without a name'}."
        if op.inside:
            text = "This depends on a value inside of a step, and outside of the loop there is none."
        raise blame(ArgumentError(text), user_site(), node.site, hint=FROM_A_STEP if op.inside else "")
    if isinstance(op, Size):
        return np.int64(op.dim if isinstance(op.dim, int) else op.dim.value(sizes))
    for guard in node.guards:
        if not guard.holds(sizes):
            raise blame(guard.error(node.op.name, sizes), node.site, *[a.site for a in node.args])
    try:
        sized = getattr(op, "numpy_of_sizes", None)  # ops with bodies, in which there are symbols, too
        with at_site(node.site):
            ready = args if op.accepts_float16 else [_widen(a) for a in args]
            result = sized(sizes, *args) if sized else resolve(op, sizes).numpy(*ready)
    except (IndexError, LinAlgError) as error:
        if getattr(error, "__notes__", ()):  # of a step inside, whose line it names
            raise
        raise blame(error, node.site, *[a.site for a in node.args]) from None
    if isinstance(node.type, TupleType):
        return tuple(
            _to_inferred_dtype(node, np.asarray(r), of, sizes) for r, of in zip(result, node.type.items, strict=True)
        )
    return _to_inferred_dtype(node, np.asarray(result), node.type, sizes)


def _to_inferred_dtype(node: Expr, found: np.ndarray, of: Type, sizes: Mapping[str, int]) -> np.ndarray:
    """What a reference has returned, in the dtype that was inferred.

    Raises GuardError where a size is less than 0 in this call, ShapeError where the array has not the shape that was
    inferred, DTypeError where it has numbers that the dtype does not hold.
    """
    shape = tuple(size if isinstance(size, int) else size.value(sizes) for size in of.shape)
    if found.shape == shape and (np.can_cast(found.dtype, of.dtype, "same_kind") or _truths(found, of)):
        return found.astype(of.dtype, copy=False)
    below = next(((size, n) for size, n in zip(of.shape, shape, strict=True) if n < 0), None)
    if below is not None:
        error: WeftError = GuardError(f"{node.op.name}: the size {below[0]} is {below[1]}, which is less than 0.")
        raise blame(error, node.site, *[a.site for a in node.args])
    name = type(node.op).__name__
    if found.shape != shape:
        says = f"an array of shape {show(found.shape)}, and its `infer` says {show(shape)}"
        error = ShapeError(f"{name}: its `numpy` returned {says}.")
    else:
        error = DTypeError(f"{name}: its `numpy` returned {found.dtype.name}, and its `infer` says {of.dtype.name}.")
    raise blame(error, node.site, hint="one of the two is wrong: they must agree.")


def _truths(found: np.ndarray, of: Type) -> bool:
    """Whether integers stand for bools: NumPy's square of one is an int8."""
    return of.dtype == BOOL and found.dtype.kind in "iu" and not cast_with_losses(found, BOOL)[1].any()


def _widen(value: Any) -> Any:
    """float16 as float32, in which its functions are computed before they are rounded."""
    return value.astype(FLOAT32) if getattr(value, "dtype", None) == FLOAT16 else value


def resolve(op: Op, sizes: Mapping[str, int]) -> Op:
    """The op with numbers in place of the symbols among its parameters (the shape of a reshape, say)."""
    return with_sizes(op, lambda dim: dim.value(sizes))


def sizes_in(found: Iterable[Sizes]) -> dict[str, int]:
    """The sizes of the symbols for axes of shared variables, as they are now."""
    return {name: size for each in found for name, size in each.by_name().items()}


def bind_sizes(shapes: Mapping[Expr, tuple[int, ...]], known: Mapping[str, int] | None = None) -> dict[str, int]:
    """The sizes that the symbols have, read off the shapes of arrays; raises ShapeError where one does not fit.

    known : sizes of other symbols, of which those of these arrays may be made: of what is around a loop's body
    """
    sizes: dict[str, int] = {}
    for node, shape in shapes.items():
        if len(shape) != node.ndim:
            text = f"{node.name or 'The input'} has {axes(node.ndim)}, its value {len(shape)}: {show(shape)}."
            raise blame(ShapeError(text), user_site(), node.site)
        for dim, size in zip(node.shape, shape, strict=True):
            if isinstance(dim, SymDim) and dim.is_name:
                sizes.setdefault(dim.text, size)
    everything = {**(known or {}), **sizes}
    for node, shape in shapes.items():
        for dim, size in zip(node.shape, shape, strict=True):
            expected = dim if isinstance(dim, int) else dim.value(everything)
            if expected != size:
                text = f"{node.name or 'The input'} has shape {show(node.shape)}, its value {show(shape)}."
                raise blame(ShapeError(text), user_site(), node.site)
    return sizes

"""Functions over arrays that stay: `f.bind(...)`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from ..symbolic.arrays import is_foreign_array, shared_memory
from ..symbolic.dims import show
from ..symbolic.errors import ArgumentError, DTypeError, LoweringError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.storage import Storage
from .arguments import drop_results
from .target import Form, Source

Expected = tuple[tuple[int, ...], np.dtype]  # of a result: its shape and its dtype


class Callee(Protocol):
    """What a bound function asks of the function."""

    name: str
    asked: Source

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """A call with arrays."""


class BoundFunction:
    """`g()`: a compiled function over arrays that stay, which `f.bind(...)` returns.

    A call reads what the arrays hold at that moment, and writes into the same arrays of results each time, which it
    returns as `f` returns its own.  Shared variables are read and written as in calls of `f`.  One call at a time: for
    a second thread, bind once more.

    function : f
    arguments : the arrays that are read, in the order of the inputs
    results : what each call returns
    """

    def __init__(self, function: Callee, arguments: Sequence[np.ndarray], arrays: Sequence[np.ndarray]):
        self.function, self.arguments = function, tuple(arguments)
        self._arrays = list(arrays)
        form = function.asked.form
        self.results = self._arrays[0] if form is None else form(self._arrays)

    def __call__(self) -> Any:
        """The results, in the arrays that hold those of every call."""
        found = self.function(*self.arguments)
        for array, value in zip(self._arrays, unpack_results(self.function.asked.form, found), strict=True):
            if value.shape != array.shape:
                text = f"The arrays of this bound function are for results of shape {show(array.shape)}, and a result "
                raise blame(ShapeError(f"{text}is now of shape {show(value.shape)}."), user_site(), hint="bind anew.")
            np.copyto(array, np.asarray(value))
        return self.results

    @property
    def address(self) -> int:
        """The address of `int64_t call(void *state)`, a C function that does what `g()` does.

        It takes `g.state`, needs no GIL, and never calls Python, unless the function has callbacks, which take the GIL
        themselves.  Any thread may call it; one at a time is in it, with the same state.  It returns

            0     all is done
            > 0   a step refused its input, such as an index out of range: no shared variable has changed; `g()` says
                  what is wrong
            -1    another thread is in this call, or in `g()`: nothing is done
            -2    the newest value of a shared variable is on a device: nothing is done; `g()` fetches it

        Whoever calls it sees to it that meanwhile nobody writes the arrays, nor, in Python, a shared variable that the
        function reads, and nobody reads one that it writes.  Code and state are there as long as `g` is.

        Raises LoweringError where there is none: on other targets than the CPU, and for functions whose results may
        change their sizes, or are looked at (nan="raise").
        """
        text = f"{self.function.name} has no C function: only those have one that run on the CPU, whose sizes stay, "
        raise blame(LoweringError(f'{text}and whose results nobody looks at (nan="raise", WEFT_CHECK).'), user_site())

    @property
    def state(self) -> int:
        """The address that the C function takes: see `address`."""
        return self.address

    def __repr__(self) -> str:
        return f"<weft.BoundFunction of {self.function.name}>"


def unpack_results(form: Form | None, found: Any) -> list[Any]:
    """What a call returned, as a list."""
    if form is None:
        return [found]
    return [] if form is drop_results else list(found.values() if isinstance(found, dict) else found)


def check_bound_argument(x: Expr, given: Any) -> np.ndarray:
    """An array that code can read as it is.  Raises ArgumentError for all else: a copy would not be read again."""
    name = x.name or "an input without a name"
    wanted = f"{x.ndim}-dimensional array of {x.dtype.name} in C order"
    array = shared_memory(given)
    if array is None:
        found = f"is {type(given).__name__}" + (", which gives no memory away" if is_foreign_array(given) else "")
    elif array.dtype != x.dtype:
        found = f"has the dtype {array.dtype}"
    elif array.ndim != x.ndim:
        found = f"has {array.ndim} axes"
    elif not (array.flags.c_contiguous and array.flags.aligned):
        found = "is in another order, or not aligned"
    else:
        return array
    text = f"bind keeps the arrays that it is given: the value of {name} is to be a {wanted}, and {found}."
    hint = f"np.ascontiguousarray(value, {x.dtype.name!r}) makes one; write new values into it before each call."
    raise blame(ArgumentError(text), user_site(), x.site, hint=hint)


def result_arrays(out: Any, single: bool, expected: Sequence[Expected]) -> list[np.ndarray]:
    """The arrays of results: new ones, or those that were given, which are checked."""
    if out is None:
        return [np.empty(shape, dtype) for shape, dtype in expected]
    given = [out] if single else out
    if not isinstance(given, list | tuple) or len(given) != len(expected):
        count = len(given) if isinstance(given, list | tuple) else type(given).__name__
        text = f"bind: out is a list of {len(expected)} arrays, in the order of the outputs, not {count}."
        raise blame(ArgumentError(text), user_site())
    return [
        _check_out("out" if single else f"out[{number}]", one, shape, dtype)
        for number, (one, (shape, dtype)) in enumerate(zip(given, expected, strict=True))
    ]


def _check_out(name: str, given: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    array = shared_memory(given)
    if array is None:
        raise blame(ArgumentError(f"bind: {name} is an array, not {type(given).__name__}."), user_site())
    if array.dtype != dtype:
        text = f"bind: {name} has the dtype {array.dtype}, and the result that goes there {dtype.name}."
        raise blame(DTypeError(text), user_site())
    if array.shape != shape:
        text = f"bind: {name} has shape {show(array.shape)}, and the result that goes there {show(shape)}."
        raise blame(ShapeError(text), user_site())
    if not array.flags.carray:
        text = f"bind: {name} is to be in C order, aligned, and writeable: results are written where it is."
        raise blame(ArgumentError(text), user_site(), hint="leave out away, and copy the results there.")
    return array


def check_memory(
    inputs: Sequence[Expr],
    arguments: Sequence[np.ndarray],
    results: Sequence[np.ndarray],
    used: Sequence[Storage],
    written: Sequence[Storage],
) -> None:
    """Raise ArgumentError where what a call writes shares memory with anything else that it reads or writes."""
    variables = [storage.array for storage in used]
    for x, argument in zip(inputs, arguments, strict=True):
        if any(np.may_share_memory(argument, storage.array) for storage in written):
            text = f"bind: the value of {x.name or 'an input'} is in the memory of a variable, which each call changes."
            raise blame(ArgumentError(text), user_site(), x.site, hint="bind a copy of it.")
    pairs = [*((a, b) for a in results for b in (*arguments, *variables)), *combinations(results, 2)]
    if any(np.may_share_memory(a, b) for a, b in pairs):
        text = "bind: an array of results shares memory with another one, with an argument or with a variable."
        raise blame(ArgumentError(text), user_site(), hint="give each result memory of its own.")

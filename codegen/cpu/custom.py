"""A user's kernel, written on arrays, as a kernel with the common signature."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.caching import NullCache

from ...symbolic.errors import ArgumentError, blame, user_site
from .intrinsics import pointer
from .launch import Array, Launch, Plan
from .native import alone

_COST = 1e4  # nobody knows; it runs on one thread anyway


def plan_custom(
    function: Callable[..., None], constants: dict[str, Any], outs: tuple[Array, ...], args: tuple[Array, ...]
) -> Plan:
    """One launch of a user's kernel: arguments, then outputs, then fields of the op by name."""
    names = list(inspect.signature(function).parameters)
    arrays = [*args, *outs]
    extra = names[len(arrays) :]
    missing = [n for n in extra if n not in constants]
    if len(names) < len(arrays) or missing:
        text = (
            f"The kernel {function.__name__}({', '.join(names)}) takes {len(names)} parameters; the op has {len(args)} "
            f"arguments, {len(outs)} outputs and the fields {list(constants)}."
        )
        raise blame(ArgumentError(text), user_site(), hint="arguments first, then outputs, then fields by name.")
    layout = tuple((a.dtype.name, len(a.shape), a.contiguous) for a in arrays)
    compiled = _compiled(function, layout, tuple((n, constants[n]) for n in extra))
    params = [number for a in arrays for number in (*a.shape, *(s * a.dtype.itemsize for s in a.strides))]
    order = (*range(len(outs), len(arrays)), *range(len(outs)))
    return Plan((Launch(compiled.address, order, tuple(params), 1, _COST),))


@functools.cache
@alone
def _compiled(function: Callable[..., None], layout: tuple[Any, ...], constants: tuple[Any, ...]) -> Any:
    """The kernel behind the common signature; compiled once for each set of dtypes and ranks."""
    lines, place = [], 0
    for k, (dtype, rank, contiguous) in enumerate(layout):
        shape = "".join(f"params[{place + i}], " for i in range(rank))
        strides = "".join(f"params[{place + rank + i}], " for i in range(rank))
        # A scalar argument is an array without axes, which Numba makes from one of one element.
        lines.append(f"a{k} = carray(pointer(buffers[{k}], {dtype}), ({shape or '1,'}))")
        if rank == 0:
            lines.append(f"a{k} = a{k}.reshape(())")
        elif not contiguous:
            lines.append(f"a{k} = as_strided(a{k}, ({shape}), ({strides}))")
        place += 2 * rank
    given = [*(f"a{k}" for k in range(len(layout))), *(repr(v) for _, v in constants)]
    source = (
        "def entry(buffers, params, low, high):\n"
        + "".join(f"    {line}\n" for line in lines)
        + f"    try:\n        function({', '.join(given)})\n    except Exception:\n        return 1\n    return 0\n"
    )
    namespace: dict[str, Any] = {
        "carray": numba.carray,
        "pointer": pointer,
        "as_strided": np.lib.stride_tricks.as_strided,
        "function": _compiler_of(function),
        **{n: getattr(np, n) for n in ("float32", "float64", "bool_")},
        **{f"{u}int{b}": getattr(np, f"{u}int{b}") for u in ("", "u") for b in (8, 16, 32, 64)},
        "bool": np.bool_,
    }
    exec(compile(source, "<kernel>", "exec"), namespace)
    numbers = types.CPointer(types.int64)
    return numba.cfunc(types.int64(numbers, numbers, types.int64, types.int64))(namespace["entry"])


def _compiler_of(function: Any) -> Any:
    """Numba's compiler of a function.

    One that keeps its code in files of Numba's is not asked: those are found by the date of the source, whatever
    values the function takes from around it.
    """
    if not hasattr(function, "py_func"):
        return numba.njit(nogil=True)(function)
    if isinstance(function._cache, NullCache):
        return function
    return numba.jit(**function.targetoptions)(function.py_func)

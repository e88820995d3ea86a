"""A user's kernel, written on arrays, as a kernel with the common signature."""

from __future__ import annotations

import ctypes
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.caching import NullCache
from numba.core.errors import NumbaError
from numba.np.numpy_support import carray

from ....symbolic.errors import ArgumentError, LoweringError, Site, VerifyError, blame, user_site
from ....symbolic.expr import Op
from ..launch import Array, Launch, Plan
from ..model import UNKNOWN_NS
from ..tiles.intrinsics import pointer, read_only
from .callback import array_at, plan_results
from .compiling import under_lock
from .made import Recipe

Layout = tuple[tuple[str, int, bool, bool], ...]  # of each array: dtype, rank, whether in C order, whether written
Fields = tuple[tuple[str, Any], ...]  # of an op: those that its kernel takes, with their values


def plan_custom(
    function: Callable[..., None], op: Op, outs: tuple[Array, ...], args: tuple[Array, ...], users: bool = True
) -> Plan:
    """One launch of a kernel on arrays: arguments, then outputs, then fields of the op by name.

    Exceptions in those of `users` are told as they are; others refuse what the op's reference refuses.
    """
    given = _fields_of(function, op, outs, args)
    site = user_site()
    kernel = UsersRef(function, _layout(outs, args), given, site)
    arrays = [*args, *outs]
    params = tuple((a.shape, tuple(s * a.dtype.itemsize for s in a.strides)) for a in arrays)
    order = (*range(len(outs), len(arrays)), *range(len(outs)))
    caller = _KernelFailure(function, tuple(v for _, v in given), outs, args, site) if users else None
    launch = Launch(kernel, order, params, 1, UNKNOWN_NS, caller)
    return Plan((launch,), way=f"{op.name}: a kernel on arrays, on one thread")


@dataclass(frozen=True)
class UsersRef:
    """A kernel on arrays, of a layout and with the values of the fields that it takes: compiled where it is bound."""

    function: Callable[..., None]
    layout: Layout
    given: Fields
    site: Site

    def address(self) -> int:
        """Where it begins.  Raises LoweringError, with Numba's text, where Numba does not compile it."""
        return int(self._compiled_function.address)

    def recipe(self) -> Recipe:
        """How it is compiled.  Its IR raises LoweringError as `address` does."""

        def emit(entry: str) -> str:
            compiled = self._compiled_function
            return str(compiled.inspect_llvm()).replace(compiled.native_name, entry)

        return Recipe(None, emit)

    @property
    def _compiled_function(self) -> Any:
        compiling = functools.partial(_compile, self.function, self.layout, self.given)
        return _explain_refusals(compiling, self.function, self.site)

    def __str__(self) -> str:
        dtypes = [dtype for dtype, *_ in self.layout]
        arguments = [*dtypes, *(f"{name}={value}" for name, value in self.given)]
        return f"{_python_function(self.function).__qualname__}({', '.join(arguments)})"


def plan_checks(function: Callable[..., None], op: Op, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
    """The same kernel with its indices checked, on copies, and its results compared with the op's reference."""
    given = tuple(v for _, v in _fields_of(function, op, outs, args))
    checked = _compiler_of(function, boundscheck=True)
    site = user_site()

    def results(values: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        for value in values:
            value.flags.writeable = False
        found = [_make_dirty(out) for out in outs]
        try:
            _explain_refusals(lambda: checked(*values, *found, *given), function, site)
        except LoweringError:
            raise
        except Exception as error:
            raise _add_lines(_run_in_python(function, values, outs, given) or error, function, site) from None
        _compare(function, op, values, found, site)
        return found

    return plan_results(op.name, results, outs, args)


def _fields_of(function: Callable[..., None], op: Op, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Fields:
    """The fields that the kernel asks for, by name.  Raises ArgumentError where it asks for what there is not."""
    names = list(inspect.signature(function).parameters)
    assert is_dataclass(op)
    constants = {f.name: getattr(op, f.name) for f in fields(op)}
    count = len(args) + len(outs)
    missing = [n for n in names[count:] if n not in constants]
    if len(names) < count or missing:
        text = (
            f"The kernel {function.__name__}({', '.join(names)}) takes {len(names)} parameters; the op has {len(args)} "
            f"arguments, {len(outs)} outputs and the fields {list(constants)}."
        )
        raise blame(ArgumentError(text), user_site(), hint="arguments first, then outputs, then fields by name.")
    return tuple((n, constants[n]) for n in names[count:])


def _layout(outs: tuple[Array, ...], args: tuple[Array, ...]) -> Layout:
    arrays = [*((a, False) for a in args), *((o, True) for o in outs)]
    return tuple((a.dtype.name, len(a.shape), a.contiguous, written) for a, written in arrays)


@functools.cache
@under_lock
def _compile(function: Callable[..., None], layout: Layout, constants: Fields) -> Any:
    """The kernel behind the common signature; compiled once for each set of dtypes and ranks."""
    lines, place = [], 0
    for k, (dtype, rank, contiguous, _) in enumerate(layout):
        shape = "".join(f"params[{place + i}], " for i in range(rank))
        strides = "".join(f"params[{place + rank + i}], " for i in range(rank))
        # A scalar argument is an array without axes, which Numba makes from one of one element.
        lines.append(f"a{k} = carray(pointer(buffers[{k}], {dtype}), ({shape or '1,'}))")
        if rank == 0:
            lines.append(f"a{k} = a{k}.reshape(())")
        elif not contiguous:
            lines.append(f"a{k} = as_strided(a{k}, ({shape}), ({strides}))")
        place += 2 * rank
    arrays = [f"a{k}" if layout[k][-1] else f"read_only(a{k})" for k in range(len(layout))]
    source = (
        "def entry(buffers, params, low, high):\n"
        + "".join(f"    {line}\n" for line in lines)
        + f"    try:\n        function({', '.join([*arrays, *(repr(v) for _, v in constants)])})\n"
        + "    except Exception:\n        return 1\n    return 0\n"
    )
    namespace: dict[str, Any] = {
        "carray": carray,
        "pointer": pointer,
        "read_only": read_only,
        "as_strided": np.lib.stride_tricks.as_strided,
        "function": _compiler_of(function),
        **{n: getattr(np, n) for n in ("float32", "float64", "bool_")},
        **{f"{u}int{b}": getattr(np, f"{u}int{b}") for u in ("", "u") for b in (8, 16, 32, 64)},
        "bool": np.bool_,
    }
    exec(compile(source, "<kernel>", "exec"), namespace)
    numbers = types.CPointer(types.int64)
    return numba.cfunc(types.int64(numbers, numbers, types.int64, types.int64))(namespace["entry"])


def _compiler_of(function: Any, **options: Any) -> Any:
    """Numba's compiler of a function.

    One that keeps its code in files of Numba's is not asked: those are found by the date of the source, whatever
    values the function takes from around it.  Nor is one for given signatures: they let arguments be written.
    """
    if not hasattr(function, "py_func"):
        return numba.njit(nogil=True, **options)(function)
    if isinstance(function._cache, NullCache) and function._can_compile and not options:
        return function
    return numba.jit(**{**function.targetoptions, **options})(function.py_func)


# ---- what goes wrong ------------------------------------------------------------------------------------------------


def _python_function(function: Any) -> Any:
    """The Python function that was given to Numba."""
    return getattr(function, "py_func", function)


def _line_of(function: Any) -> Site:
    return Site(_python_function(function).__code__, 0)


def _explain_refusals(compiling: Callable[[], Any], function: Any, site: Site) -> Any:
    """What it returns.  Raises LoweringError, with Numba's text, where Numba does not compile the kernel."""
    try:
        return compiling()
    except NumbaError as error:
        name = _python_function(function).__name__
        text = f"Numba does not compile the kernel {name}: {_essence(str(error)).rstrip('.')}."
        hint = "a kernel reads its arguments and writes its outputs." if "readonly" in text else ""
        raise blame(LoweringError(text), _line_of(function), site, hint=hint) from None


def _essence(text: str) -> str:
    """The lines of Numba's text that say what is wrong and where, without advice on how to report it.

    Nor those of the function around the kernel, which is not the user's.
    """
    lines = [line.strip() for line in text.splitlines()]
    heads = ("Failed in", "This error may", "To see", "If you", "https://", "During:", "[1] During")
    others = ('File "<kernel>"', "<source missing", "<source elided>")
    return "\n  ".join(line for line in lines if line and not line.startswith(heads + others))


class _KernelFailure:
    """What is asked where a kernel raised an exception: the Python function, with the same values."""

    def __init__(self, function: Any, given: Any, outs: tuple[Array, ...], args: tuple[Array, ...], site: Site):
        self.function, self.given, self.outs, self.args, self.site = function, given, outs, args, site

    def failure(self, table: int) -> BaseException:
        """The exception, given the address of the buffers' addresses: arguments, then outputs."""
        addresses = (ctypes.c_int64 * len(self.args)).from_address(table)
        values = [array_at(place, array).copy() for place, array in zip(addresses, self.args, strict=True)]
        error = _run_in_python(self.function, values, self.outs, self.given)
        if error is not None:
            return _add_lines(error, self.function, self.site)
        name = _python_function(self.function).__name__
        text = f"The kernel {name} raised an exception, and raises none when it runs in Python with the same values."
        return blame(LoweringError(text), _line_of(self.function), self.site)


def _run_in_python(
    function: Any, values: Sequence[np.ndarray], outs: tuple[Array, ...], given: Any
) -> Exception | None:
    """The exception that the kernel raises in Python, where it comes with its line."""
    try:
        with np.errstate(all="ignore"):
            _python_function(function)(*values, *map(_make_dirty, outs), *given)
    except Exception as error:
        return error
    return None


def _add_lines(error: Exception, function: Any, site: Site) -> Exception:
    """The exception with the lines: in the kernel, and of the node."""
    where, frame = _line_of(function), error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code is _python_function(function).__code__:
            where = Site(frame.tb_frame.f_code, frame.tb_lasti)
        frame = frame.tb_next
    if not getattr(error, "__notes__", ()):
        error.add_note(f"  in the kernel {_python_function(function).__name__}:")
    return blame(error, where, site).with_traceback(None)


def _make_dirty(array: Array) -> np.ndarray:
    """Memory for a result, that is as dirty as memory can be: a kernel fills all of it."""
    made = np.empty(array.shape, array.dtype)
    made.reshape(-1).view(np.uint8)[:] = 0xFF
    return made


def _compare(function: Any, op: Op, values: Sequence[np.ndarray], found: Sequence[np.ndarray], site: Site) -> None:
    """Raise VerifyError where a kernel's results are not those of the op's reference."""
    try:
        with np.errstate(all="ignore"):
            expected = op.numpy(*values)
    except NotImplementedError:
        return
    name = f"The kernel {_python_function(function).__name__} of {type(op).__name__}"
    for out, right in zip(found, expected if isinstance(expected, tuple) else (expected,), strict=True):
        wanted = np.asarray(right)
        if wanted.shape != out.shape:
            text = f"{name} fills an output of shape {out.shape}, and the reference (numpy) returns {wanted.shape}."
            raise blame(VerifyError(text), _line_of(function), site)
        near = _is_near(out, wanted) if out.dtype.kind == "f" else out == wanted
        if not near.all():
            place = tuple(int(i) for i in np.argwhere(~near)[0])
            at_place = f" at {list(place)}" if place else ""
            text = f"{name} gives {out[place]}{at_place}, and the reference (numpy) {wanted[place]}."
            raise blame(VerifyError(text), _line_of(function), site)


def _is_near(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where half of the digits are the same, of the number or of the largest one."""
    close = float(np.finfo(found.dtype).eps) ** 0.5
    largest = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
    with np.errstate(all="ignore"):
        near: np.ndarray = np.isclose(found, wanted, rtol=close, atol=close * largest, equal_nan=True)
    return near

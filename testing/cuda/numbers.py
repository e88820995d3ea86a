"""Functions of numbers where numbers get strange, and of every dtype, against the references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...ops import scalar
from ...symbolic.errors import DTypeError
from ...symbolic.evaluate import evaluate
from ...symbolic.expr import Expr
from ...symbolic.variables import tensor
from .cases import BITS, PAIRS, SMOOTH, STEP_PAIRS, STEPS
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import Array, compare

UNARY = (*(op for ops in SMOOTH.values() for op in ops), *STEPS)
BINARY = tuple(op for ops in (*PAIRS.values(), *STEP_PAIRS.values()) for op in ops)
ROUGH = (scalar.sinc, scalar.gelu, scalar.erfinv)  # relative to 1: sinc far out, gelu far left
EPS = 64
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class NumberJob(NamedTuple):
    """A function at some numbers."""

    op: Any
    inputs: list[Expr]
    arrays: list[Array]
    out: Expr

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return f"{getattr(self.op, '__name__', self.op)} of {', '.join(str(a.dtype) for a in self.arrays)}"

    def evaluate(self) -> Array:
        """The reference's result; of float16 that of float32, in which weft computes it."""
        arrays = [a.astype("float32") if a.dtype == np.float16 else a for a in self.arrays]
        inputs = [tensor(None, a.shape, a.dtype) for a in arrays]
        found = np.asarray(evaluate(self.op(*inputs), dict(zip(inputs, arrays, strict=True))))
        return found.astype(self.out.dtype)


def strange_numbers(kind: str) -> Array:
    """NaN, infinities, zeros, the ends of the range, and some between."""
    info = np.finfo(kind)
    some = [0.0, 1e-3, 0.5, 1.0, 2.0, 2.5, 3.0, 10.0, 88.0, 104.0, 1e4]
    some += [] if kind == "float16" else [709.0, 746.0, 1e10, 1e22]
    some += [float(info.smallest_subnormal), float(info.tiny), float(info.max), np.inf]
    return np.array([np.nan, *some, *(-v for v in some)], kind)


def whole_numbers(kind: str, low: int, high: int) -> Array:
    """All between two, in any dtype, and where they are wide the ends of the dtype's range."""
    span = np.arange(low, high + 1)
    if kind == "bool":
        return span > 1
    info = np.iinfo(kind)
    ends = [info.min, info.min + 1, info.max] if high > 5 else []
    return np.array([*(int(v) for v in span if v >= info.min), *ends], kind)


def _along_axes(arrays: Sequence[Array]) -> list[Array]:
    """Each along an axis of its own."""
    rank = len(arrays)
    return [a.reshape([-1 if axis == i else 1 for axis in range(rank)]) for i, a in enumerate(arrays)]


def _jobs(functions: Iterable[Any], arrays: Sequence[Array]) -> Iterator[NumberJob]:
    """Those of the functions that take these dtypes, and whose result is of one that the reference has as well.

    NumPy computes some functions of bools as int8, where weft's are bools.
    """
    placed = _along_axes(arrays)
    for op in functions:
        inputs = [tensor("xy"[i], a.shape, a.dtype) for i, a in enumerate(placed)]
        try:
            job = NumberJob(op, inputs, placed, op(*inputs))
            with np.errstate(all="ignore"):
                job.evaluate()
        except DTypeError:
            continue
        yield job


def check_functions(setting: DeviceSetting, jobs: Iterable[NumberJob]) -> None:
    """Every element within a few units in its own last place."""
    jobs = list(jobs)
    f = setting.compile([x for each in jobs for x in each.inputs], [each.out for each in jobs])
    with np.errstate(all="ignore"):
        for job, found in zip(jobs, f(*[a for each in jobs for a in each.arrays]), strict=True):
            expected = job.evaluate()
            compare(job.name, _settle(found, expected), expected, EPS, _scale(job.op, expected))


def _scale(op: Any, expected: Array) -> Any:
    if expected.dtype.kind != "f":
        return None
    info = np.finfo(expected.dtype)
    size = np.abs(expected.astype(np.float64))
    return np.maximum(size, 1.0) if op in ROUGH else size + float(info.tiny) / (EPS * float(info.eps))


def _settle(found: Array, expected: Array) -> Array:
    """The largest numbers may round up to infinity, and down from it."""
    if expected.dtype.kind != "f":
        return found
    last = np.finfo(expected.dtype).max * (1 - EPS * np.finfo(expected.dtype).eps)
    edge = (np.abs(expected) > last) & (np.abs(found) > last) & (np.sign(found) == np.sign(expected))
    return np.where(edge, expected, found)


def check_strange(kind: str, setting: DeviceSetting) -> None:
    """Functions of one float and of two, at strange ones."""
    values = strange_numbers(kind)
    check_functions(setting, _jobs(UNARY, [values]))
    check_functions(setting, _jobs(BINARY, [values, values]))


def check_whole(kind: str, setting: DeviceSetting) -> None:
    """Functions of integers or bools; second arguments are such that powers and shifts are defined."""
    wide, narrow = whole_numbers(kind, -5, 9), whole_numbers(kind, 0, 5)
    check_functions(setting, _jobs(UNARY, [wide]))
    check_functions(setting, _jobs(BINARY, [wide, narrow]))
    check_functions(setting, _jobs(BITS, [wide, narrow]))


def check_large_angles(setting: DeviceSetting) -> None:
    """sin, cos and tan far out, and remainders of what is many orders of magnitude larger."""
    for kind in ("float32", "float64"):
        rng, top = np.random.default_rng(5), np.finfo(kind).maxexp
        count = setting.pick(4096, 256)
        x = np.ldexp(rng.uniform(-1, 1, count), rng.integers(0, top, count)).astype(kind)
        y = np.ldexp(rng.uniform(0.5, 1, count), rng.integers(-20, 60, count)).astype(kind)
        of_one = [_at(op, x) for op in (scalar.sin, scalar.cos, scalar.tan)]
        of_two = [_at(op, x, y) for op in (scalar.mod, scalar.fmod)]
        check_functions(setting, [*of_one, *of_two])


def _at(op: Any, *arrays: Array) -> NumberJob:
    inputs = [tensor("xy"[i], a.shape, a.dtype) for i, a in enumerate(arrays)]
    return NumberJob(op, inputs, list(arrays), op(*inputs))


def checks() -> list[DeviceCheck]:
    """One for each dtype."""
    found: dict[str, Callable[[DeviceSetting], None]] = {
        f"strange numbers of {kind}": partial(check_strange, kind) for kind in ("float32", "float64", "float16")
    }
    found |= {f"whole numbers of {kind}": partial(check_whole, kind) for kind in ("bool", *INTEGERS)}
    return group_checks("numbers", found | {"large angles and remainders": check_large_angles})

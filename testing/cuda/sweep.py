"""Every op on a device: values, gradients of first and second order, infinities and NaN, against the references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ...ops.reduce import sum as sum_over
from ...ops.scalar import square
from ...symbolic.dims import SymDim
from ...symbolic.errors import VerifyError
from ...symbolic.evaluate import evaluate
from ...symbolic.expr import Expr
from ...symbolic.grad import grad, vjp
from ...symbolic.variables import tensor
from .cases import CASES, OpCase
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import Array, compare, move_apart, require, scale_of

FLOATS = ("float32", "float64")
TOGETHER = 12  # cases that are compiled as one function: that is far quicker than one by one
CALLS: tuple[tuple[int, Callable[[Array], Array]], ...] = ((0, np.copy), (1, move_apart), (2, np.copy), (2, move_apart))
Values = dict[Expr, Array]


class SweepJob(NamedTuple):
    """A case in one dtype.

    starts : what derivatives start from, where there are any: the cotangent
    outputs : the value, the gradients, the gradients of those
    """

    case: OpCase
    kind: str
    inputs: list[Expr]
    starts: list[Expr]
    outputs: list[Expr]
    firsts: int  # of the outputs are the value and the gradients of first order

    def draw(self, size: int) -> Values:
        """Arguments of the size of that number; the cotangent has the shape of the value."""
        case = self.case
        n = case.sizes[min(size, len(case.sizes) - 1)]
        rng = np.random.default_rng(n + len(case.label))
        values = {x: a.draw(n, self.kind, rng) for x, a in zip(self.inputs, case.args, strict=True)}
        return self.start(values, rng)

    def start(self, values: Values, rng: np.random.Generator) -> Values:
        """The arguments, and a cotangent."""
        if not self.starts:
            return values
        with np.errstate(all="ignore"):
            like = np.asarray(evaluate(self.outputs[0], values))
        return values | {self.starts[0]: rng.normal(size=like.shape).astype(like.dtype)}

    def spoil(self, special: float) -> Values:
        """Arguments in each of which one float is special; the infinities of every second case are negative."""
        values, rng = self.draw(2), np.random.default_rng(len(self.case.label))
        for x in self.inputs:
            value = values[x]
            if value.dtype.kind == "f" and value.size:
                value.reshape(-1)[rng.integers(value.size)] = special * (-1) ** len(self.case.label)
        return values

    def compare(self, found: Sequence[Array], values: Values, what: str) -> None:
        """Raise VerifyError unless these are the outputs."""
        expected = [np.asarray(e) for e in evaluate(self.outputs, values)]
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            eps = self.case.eps * (1 if number < self.firsts else 4)
            scale = scale_of([other, *values.values(), *expected[: self.firsts]])
            compare(f"{self.case.label}, {self.kind}, output {number}, {what}", one, other, eps, scale)


def make_job(case: OpCase, kind: str, number: int) -> SweepJob:
    """A case; those that are compiled together have different numbers, and sizes of their own."""
    n = SymDim(f"n{number}")
    shapes = [tuple(n if d == "n" else d for d in arg.shape) for arg in case.args]
    kinds = [kind if arg.dtype == "float" else arg.dtype for arg in case.args]
    inputs = [tensor(f"x{i}", shape, k) for i, (shape, k) in enumerate(zip(shapes, kinds, strict=True))]
    out = case.call(*inputs)
    if not (case.differentiable and out.type.is_float):
        return SweepJob(case, kind, inputs, [], [out], 1)
    g, floats = tensor("g", out.shape, out.dtype), [x for x in inputs if x.type.is_float]
    first = vjp(out, floats, g)
    again = grad(sum(map(_energy, first[1:]), _energy(first[0])), [*floats, g], disconnected="zero")
    return SweepJob(case, kind, inputs, [g], [out, *first, *again], 1 + len(first))


def _energy(x: Expr) -> Expr:
    """A scalar that depends on every element."""
    return sum_over(square(x))


class _Compiled:
    """Cases that are compiled together."""

    def __init__(self, setting: DeviceSetting, cases: Iterable[OpCase]):
        pairs = [(case, kind) for case in cases for kind in FLOATS]
        self.jobs = [make_job(case, kind, number) for number, (case, kind) in enumerate(pairs)]
        self.inputs = [x for job in self.jobs for x in (*job.inputs, *job.starts)]
        self.function = setting.compile(self.inputs, [out for job in self.jobs for out in job.outputs])

    def call(self, values: Values, change: Callable[[Array], Array]) -> list[list[Array]]:
        """The outputs of each job."""
        found = iter(self.function(*[change(values[x]) for x in self.inputs]))
        return [[next(found) for _ in job.outputs] for job in self.jobs]

    def check(self) -> list[str]:
        """What is wrong."""
        faults: list[str] = []
        for size, change in CALLS:
            drawn = [job.draw(size) for job in self.jobs]
            results = self.call(_merge(drawn), change)
            for job, values, found in zip(self.jobs, drawn, results, strict=True):
                faults += _fault(partial(job.compare, found, values, f"size {size}, {change.__name__}"))
        for special in (np.nan, np.inf):
            drawn = [job.spoil(special) for job in self.jobs]
            results = self.call(_merge(drawn), np.copy)
            for job, values, found in zip(self.jobs, drawn, results, strict=True):
                if job.case.special:
                    faults += _fault(partial(_compare_special, job, found[0], values, special))
        return faults


def _compare_special(job: SweepJob, found: Array, values: Values, special: float) -> None:
    expected = np.asarray(evaluate(job.outputs[0], values))
    what = f"{job.case.label}, {job.kind}, with {special}"
    compare(what, found, expected, job.case.eps, scale_of([expected, *values.values()]))


def _merge(values: Iterable[Values]) -> Values:
    return {x: array for each in values for x, array in each.items()}


def _fault(comparison: Callable[[], None]) -> list[str]:
    try:
        with np.errstate(all="ignore"):
            comparison()
    except VerifyError as error:
        return [str(error)]
    return []


def check_cases(cases: Sequence[OpCase], setting: DeviceSetting) -> None:
    """Raise VerifyError with all that is wrong with these cases."""
    with np.errstate(all="ignore"):
        try:
            faults = _Compiled(setting, cases).check()
        except Exception as error:  # which of them it is
            if len(cases) == 1:
                raise
            faults = [text for case in cases for text in _alone(case, setting)]
            faults = faults or [f"Together they fail, and none of them alone: {error}"]
    require(not faults, f"{len(faults)} differences:\n  " + "\n  ".join(faults))


def _alone(case: OpCase, setting: DeviceSetting) -> list[str]:
    try:
        return _Compiled(setting, [case]).check()
    except Exception as error:
        return [f"{case.label}: {type(error).__name__}: {error}"]


def checks() -> list[DeviceCheck]:
    """One for each dozen of cases."""
    found: dict[str, Callable[[DeviceSetting], None]] = {}
    for kind, cases in CASES.items():
        for start in range(0, len(cases), TOGETHER):
            part = cases[start : start + TOGETHER]
            found[f"{kind}, {part[0].label} .. {part[-1].label}"] = partial(check_cases, part)
    return group_checks("ops", found)

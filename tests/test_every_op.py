"""Every exported op: its type and value against NumPy, its gradients against numbers, its compiled form against both.

The records are in `cases.py`.  Cases are compiled a dozen at a time: one function is far quicker than twelve.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import weft as wf
from weft.ops.elementwise import Scalar
from weft.symbolic.dims import SymDim
from weft.symbolic.expr import Expr

from .cases import CASES, ELSEWHERE, Arg, Case
from .numeric import check_gradients

FLOATS = ("float32", "float64")
DOZENS = [CASES[i : i + 12] for i in range(0, len(CASES), 12)]
by_dozen = pytest.mark.parametrize("cases", DOZENS, ids=lambda cases: f"{cases[0].label} .. {cases[-1].label}")


def draw(arg: Arg, n: int, kind: str, rng: np.random.Generator) -> np.ndarray:
    shape = tuple(n if d == "n" else d for d in arg.shape)
    dtype = np.dtype(kind if arg.dtype == "float" else arg.dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        return rng.integers(int(arg.low), int(arg.high), shape, endpoint=True).astype(dtype)
    return rng.uniform(arg.low, arg.high, shape).astype(dtype)


def drawn(case: Case, n: int, kind: str) -> list[np.ndarray]:
    rng = np.random.default_rng(n + len(case.label))
    return [draw(arg, n, kind, rng) for arg in case.args]


def inputs_of(case: Case, kind: str) -> list[Expr]:
    n = SymDim(f"n{CASES.index(case)}")  # cases that are compiled together have sizes of their own
    shapes = [tuple(n if d == "n" else d for d in arg.shape) for arg in case.args]
    return [
        wf.tensor(f"x{i}", s, kind if a.dtype == "float" else a.dtype)
        for i, (s, a) in enumerate(zip(shapes, case.args, strict=True))
    ]


def close(found: np.ndarray, expected: np.ndarray, eps: float) -> bool:
    """The same shape, NaN and infinities in the same places, the rest within eps units of the dtype's resolution.

    The unit is that of the largest element: sums and products of matrices lose digits where they cancel.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return False
    if found.dtype.kind != "f":
        return bool(np.array_equal(found, expected))
    finite = np.isfinite(expected)
    scale = np.abs(expected[finite]).max(initial=0.0)
    return bool(
        np.array_equal(found[~finite], expected[~finite].astype(found.dtype), equal_nan=True)
        and np.all(np.isfinite(found[finite]))
        and np.all(np.abs(found[finite] - expected[finite]) <= eps * np.finfo(found.dtype).eps * max(scale, 1e-30))
    )


def supported(dtype: np.dtype) -> np.dtype:
    """float16, in which NumPy's functions of small integers end, is float32 in weft."""
    return np.dtype("float32") if dtype == np.float16 else dtype


# ---- the records are complete --------------------------------------------------------------------------------------


def exported() -> dict[str, Any]:
    found = {}
    for name, value in vars(wf).items():
        if isinstance(value, type) or name.startswith("_"):
            continue
        if isinstance(value, Scalar) or getattr(value, "__module__", "").startswith("weft.ops."):
            found[name] = value
    return found


def test_every_exported_op_has_a_case():
    covered = {id(case.op) for case in CASES} | {id(getattr(wf, name)) for name in ELSEWHERE}
    without = sorted(name for name, value in exported().items() if id(value) not in covered)
    assert without == [], "give these a record in tests/cases.py"


def test_labels_are_unique():
    labels = [case.label for case in CASES]
    assert len(labels) == len(set(labels)), [label for label in labels if labels.count(label) > 1]


# ---- types and values by the reference -----------------------------------------------------------------------------


@by_dozen
def test_types_and_values_are_numpys(cases):
    wrong = [text for case in cases for kind in FLOATS for text in against_numpy(case, kind)]
    assert wrong == []


def against_numpy(case: Case, kind: str) -> Iterator[str]:
    inputs = inputs_of(case, kind)
    out = case.call(*inputs)
    for n in case.sizes:
        values = drawn(case, n, kind)
        with np.errstate(all="ignore"):
            dtype = np.asarray(case.reference(*values)).dtype
            exact = case.reference(*[v.astype("float64") if v.dtype.kind == "f" else v for v in values])
        shape = tuple(d.value(dict.fromkeys(d.names, n)) if isinstance(d, SymDim) else d for d in out.shape)
        named = f"{case.label}, {kind}, n = {n}"
        if any(a.dtype == "float" for a in case.args) and out.dtype != supported(dtype) and dtype != np.float64:
            yield f"{named}: dtype {out.dtype}, NumPy's is {dtype}"
        if shape != np.shape(exact):
            yield f"{named}: shape {shape}, NumPy's is {np.shape(exact)}"
        if not close(wf.evaluate(out, dict(zip(inputs, values, strict=True))), exact, case.eps):
            yield f"{named}: other values than NumPy's"


# ---- gradients -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [c for c in CASES if c.differentiable], ids=lambda case: case.label)
def test_gradients_are_those_of_the_values(case):
    size = case.sizes[-1] if case.sizes[-1] < 5 else 3
    values = drawn(case, size, "float64")
    fixed = {i: v for i, v in enumerate(values) if v.dtype.kind != "f"}

    def with_fixed(*floats: Expr) -> Expr:
        rest = iter(floats)
        return case.call(*[wf.constant(fixed[i]) if i in fixed else next(rest) for i in range(len(values))])

    check_gradients(with_fixed, [v for i, v in enumerate(values) if i not in fixed], tolerance=1e-5)


# ---- compiled ------------------------------------------------------------------------------------------------------


@cache
def cotangent(out: Expr) -> Expr:
    """Something that is neither 0 nor 1 to start derivatives from."""
    return wf.tensor("g", out.shape, out.dtype)


def with_gradients(case: Case, kind: str) -> tuple[list[Expr], list[Expr]]:
    inputs = inputs_of(case, kind)
    out = case.call(*inputs)
    if not (case.differentiable and out.type.is_float):
        return inputs, [out]
    g = cotangent(out)
    grads = wf.vjp(out, [x for x in inputs if x.type.is_float], g)
    return [*inputs, g], [out, *grads]


def odd_strides(array: np.ndarray) -> np.ndarray:
    """The same values in memory that runs backwards, with gaps, the axes in Fortran's order."""
    if not array.ndim:
        return array
    wide = np.zeros(tuple(2 * d + 1 for d in reversed(array.shape)), array.dtype)
    view = wide[tuple(slice(2 * d - 1 if d else 0, None if d else 0, -2) for d in reversed(array.shape))].T
    view[...] = array
    return view


def wrong_when_compiled(cases: Iterable[Case]) -> list[str]:
    jobs = [(case, kind, *with_gradients(case, kind)) for case in cases for kind in FLOATS]
    inputs = [x for _, _, listed, _ in jobs for x in listed]
    f = wf.function(inputs, [out for *_, outs in jobs for out in outs], on_unused_input="ignore")
    wrong = []
    for size, change in itertools.product((0, 1, 2), (np.copy, odd_strides)):
        values, expected, names = {}, [], []
        for case, kind, listed, outs in jobs:
            given = drawn(case, case.sizes[min(size, len(case.sizes) - 1)], kind)
            known = dict(zip(listed, given, strict=False))
            if len(listed) > len(given):
                like = wf.evaluate(outs[0], known)
                known[listed[-1]] = np.random.default_rng(3).normal(size=like.shape).astype(like.dtype)
            values.update(known)
            expected += wf.evaluate(outs, known)
            names += [f"{case.label}, {kind}, output {i}, size {size}, {change.__name__}" for i in range(len(outs))]
        found = f(*[change(values[x]) for x in inputs])
        limits = [case.eps for case, _, _, outs in jobs for _ in outs]
        for name, a, b, eps in zip(names, found, expected, limits, strict=True):
            if a.dtype != b.dtype or not close(a, b, eps):
                wrong.append(name)
    return wrong


@by_dozen
def test_compiled_values_and_gradients_are_the_references(cases):
    try:
        wrong = wrong_when_compiled(cases)
    except Exception:
        for case in cases:  # which of them it is
            print(f"compiling {case.label}")
            assert wrong_when_compiled([case]) == []
        raise
    assert wrong == []

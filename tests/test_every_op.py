"""Every exported op: its type and value against NumPy, its gradients against numbers, its compiled form against both.

The records are in `cases.py`.  Cases are compiled a dozen at a time: one function is far quicker than twelve.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.run import checked
from weft.codegen.cpu.run.checked_function import CheckedFunction
from weft.ops.elementwise import Primitive, Scalar
from weft.symbolic.dims import SymDim
from weft.symbolic.expr import Expr

from .cases import BITS, CASES, ELSEWHERE, SMOOTH, SMOOTH_PAIRS, STEP_PAIRS, STEPS, Arg, Case
from .numeric import check_gradients
from .sampling import every, every_row

FLOATS = ("float32", "float64")
DOZENS = [CASES[i : i + 12] for i in range(0, len(CASES), 12)]
by_dozen = pytest.mark.parametrize("cases", DOZENS, ids=lambda cases: f"{cases[0].label} .. {cases[-1].label}")
some_dozens = pytest.mark.parametrize(
    "cases", every(4, DOZENS), ids=lambda cases: f"{cases[0].label} .. {cases[-1].label}"
)


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
    n = SymDim("n_" + re.sub(r"\W", "_", case.label))  # cases that are compiled together have sizes of their own
    shapes = [tuple(n if d == "n" else d for d in arg.shape) for arg in case.args]
    return [
        wf.tensor(f"x{i}", s, kind if a.dtype == "float" else a.dtype)
        for i, (s, a) in enumerate(zip(shapes, case.args, strict=True))
    ]


def close(found: np.ndarray, expected: np.ndarray, eps: float, args: Iterable[np.ndarray]) -> bool:
    """The same shape, NaN and infinities in the same places, the rest within eps units of the dtype's resolution.

    The unit is that of the largest element of result or arguments: sums lose digits where they cancel.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return False
    if found.dtype.kind != "f":
        return bool(np.array_equal(found, expected))
    finite = np.isfinite(expected)
    scale = max(float(np.abs(a).max(initial=0.0)) for a in (expected[finite], *args))
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
        if isinstance(value, type) or name.startswith("_") or name in wf._LATER:
            continue
        if isinstance(value, Scalar) or getattr(value, "__module__", "").startswith("weft.ops."):
            found[name] = value
    return found


def test_every_exported_op_has_a_case():
    covered = {id(case.op) for case in CASES} | {id(getattr(wf, name)) for name in ELSEWHERE}
    without = sorted(name for name, value in exported().items() if id(value) not in covered)
    assert without == [], "give these a record in tests/cases.py"


def test_what_is_elsewhere_is_there():
    """A record that names the file of its tests names one that exists."""
    root = Path(__file__).parents[1]
    named = {name: re.findall(r"tests/\S+\.py", reason) for name, reason in ELSEWHERE.items()}
    assert [name for name, files in named.items() if not all((root / file).exists() for file in files)] == []
    assert sum(map(len, named.values())) >= 8


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
        if not close(wf.evaluate(out, dict(zip(inputs, values, strict=True))), exact, case.eps, values):
            yield f"{named}: other values than NumPy's"


# ---- gradients -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [c for c in CASES if c.differentiable], ids=lambda case: case.label)
def test_gradients_are_those_of_the_values(case):
    size = case.sizes[-1] if case.sizes[-1] < 5 else 3
    values = drawn(case, size, "float64")
    fixed = {i: v for i, v in enumerate(values) if v.dtype.kind != "f"}

    def with_fixed(*floats: Expr) -> Expr:
        rest = iter(floats)
        y = case.call(*[wf.constant(fixed[i]) if i in fixed else next(rest) for i in range(len(values))])
        return y + y * y / 2  # so that the second derivative of what is linear shows that of its vjp

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


@cache
def compiled(cases: tuple[Case, ...], kind: str, checks: bool = False) -> tuple[list[Any], list[Expr], Any]:
    """Jobs (case, inputs, outputs), their inputs in a row, one function for all; `checks`: in which mode."""
    jobs = [(case, *with_gradients(case, kind)) for case in cases]
    inputs = [x for _, listed, _ in jobs for x in listed]
    outputs = [out for *_, outs in jobs for out in outs]
    return jobs, inputs, wf.function(inputs, outputs, on_unused_input="ignore")


def wrong_when_compiled(cases: Iterable[Case], kind: str, checks: bool = False) -> list[str]:
    jobs, inputs, f = compiled(tuple(cases), kind, checks)
    assert isinstance(f, CheckedFunction) == checks
    wrong = []
    for size, change in itertools.product((0, 1, 2), (np.copy, odd_strides)):
        values, expected, names, args = {}, [], [], []
        for case, listed, outs in jobs:
            given = drawn(case, case.sizes[min(size, len(case.sizes) - 1)], kind)
            known = dict(zip(listed, given, strict=False))
            if len(listed) > len(given):
                like = wf.evaluate(outs[0], known)
                known[listed[-1]] = np.random.default_rng(3).normal(size=like.shape).astype(like.dtype)
            values.update(known)
            expected += wf.evaluate(outs, known)
            args += [list(known.values())] * len(outs)
            names += [f"{case.label}, {kind}, output {i}, size {size}, {change.__name__}" for i in range(len(outs))]
        found = f(*[change(values[x]) for x in inputs])
        limits = [case.eps for case, _, outs in jobs for _ in outs]
        for name, a, b, eps, given in zip(names, found, expected, limits, args, strict=True):
            if a.dtype != b.dtype or not close(a, b, eps, given):
                wrong.append(name)
    return wrong


@some_dozens
def test_the_checked_mode_shows_nothing(cases, monkeypatch, default_target):
    """It would show what a proof of sizes and places has missed."""
    if default_target != "cpu":
        pytest.skip("the checked mode is the CPU's")
    monkeypatch.setattr(checked, "ENABLED", True)
    assert wrong_when_compiled(cases, "float32", checks=True) == []


def assert_right_when_compiled(cases, kind):
    try:
        wrong = wrong_when_compiled(cases, kind)
    except Exception:
        for case in cases:  # which of them it is
            print(f"compiling {case.label}")
            assert wrong_when_compiled([case], kind) == []
        raise
    assert wrong == []


@by_dozen
def test_compiled_values_and_gradients_are_the_references(cases):
    assert_right_when_compiled(cases, "float32")


@pytest.mark.parametrize("cases", every(8, DOZENS), ids=lambda cases: f"{cases[0].label} .. {cases[-1].label}")
def test_compiled_values_and_gradients_are_the_references_in_float64(cases):
    assert_right_when_compiled(cases, "float64")


# ---- infinities and NaN in all of them -------------------------------------------------------------------------------


def spoilt(case: Case, kind: str, special: float, sign: int) -> list[np.ndarray]:
    """Arguments in each of which one float is special; the infinities of every second case are negative."""
    values, rng = drawn(case, case.sizes[-1], kind), np.random.default_rng(len(case.label))
    for value in values:
        if value.dtype.kind == "f" and value.size:
            value.reshape(-1)[rng.integers(value.size)] = special * sign * (-1) ** len(case.label)
    return values


@pytest.mark.parametrize(("kind", "sign"), every_row(4, [(kind, sign) for kind in FLOATS for sign in (1, -1)]))
@some_dozens
def test_infinities_and_nan_are_numpys(cases, kind, sign):
    jobs, inputs, f = compiled(tuple(cases), kind)
    wrong = []
    for special in (np.nan, np.inf):
        values = {}
        for case, listed, outs in jobs:
            values.update(zip(listed, spoilt(case, kind, special, sign), strict=False))
            if outs[1:]:
                values[listed[-1]] = np.ones_like(wf.evaluate(outs[0], {x: values[x] for x in listed[:-1]}))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = iter(f(*[values[x] for x in inputs]))
            for case, listed, outs in jobs:
                given = [values[x] for x in listed[: len(case.args)]]
                exact = case.reference(*[v.astype("float64") if v.dtype.kind == "f" else v for v in given])
                first, *_ = [next(found) for _ in outs]
                got = {"compiled": first, "evaluated": wf.evaluate(outs[0], values)}
                sizes = [np.where(np.isfinite(v), v, 0) for v in given]
                for way, value in got.items() if case.special else ():
                    if not close(value, exact, case.eps, sizes):
                        wrong.append(f"{case.label}, {kind}, {way}, {special}")
    assert wrong == []


# ---- functions of numbers where numbers get strange ----------------------------------------------------------------

UNARY = [(op, reference) for op, reference, _ in (*SMOOTH, *STEPS)]
BINARY = [(op, reference) for op, reference, *_ in (*SMOOTH_PAIRS, *STEP_PAIRS) if op is not wf.mul_no_nan]
BINARY.append((wf.mul_no_nan, lambda x, y: np.where(y == 0, np.zeros_like(y), x * y)))
OWN_PRECISION = (wf.mod, wf.fmod, wf.floor_divide, wf.sinc)  # float64 would give another result than float32
ROUGH = (wf.sinc, wf.gelu, wf.erfinv)  # relative to 1: sinc far out, gelu far left
SIGNED = (wf.abs, wf.neg, wf.floor, wf.ceil, wf.trunc, wf.rint, wf.sqrt, wf.add, wf.sub, wf.mul, wf.div, wf.copysign)


def strange(kind: str) -> np.ndarray:
    info = np.finfo(kind)
    some = [0.0, 1e-3, 0.5, 1.0, 2.0, 2.5, 3.0, 88.0, 104.0, 709.0, 746.0, 1e10]
    some += [float(info.smallest_subnormal), float(info.tiny), float(info.max), np.inf]
    return np.array([np.nan, *some, *(-v for v in some)], kind)


def expected_at(op: Any, reference: Callable[..., Any], *values: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        if op in OWN_PRECISION:
            return np.asarray(reference(*values))
        exact = np.asarray(reference(*[v.astype("float64") for v in values]))
        return exact.astype(values[0].dtype) if exact.dtype.kind == "f" else exact


def same_numbers(op: Any, found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where every single element is right: NaN for NaN, and else within a few units in its own last place."""
    if expected.dtype.kind != "f":
        return found == expected
    info = np.finfo(expected.dtype)
    with np.errstate(all="ignore"):
        error = np.abs(found.astype("float64") - expected.astype("float64"))
        limit = 64 * info.eps * (1.0 if op in ROUGH else np.abs(expected.astype("float64"))) + info.tiny
        right = (found == expected) | (np.isnan(found) & np.isnan(expected)) | (error <= limit)
    # the largest numbers may round up to infinity
    right |= (
        np.isinf(found) & (np.abs(expected) > info.max * (1 - 64 * info.eps)) & (np.sign(found) == np.sign(expected))
    )
    if op in SIGNED:
        right &= np.isnan(expected) | (np.signbit(found) == np.signbit(expected))
    return right


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("functions", [UNARY, BINARY], ids=["unary", "binary"])
def test_special_values_are_numpys(functions, kind):
    values = strange(kind)
    if functions is UNARY:
        inputs, arrays = [wf.tensor("x", ("n",), kind)], [values]
    else:
        inputs = [wf.tensor("x", ("n", 1), kind), wf.tensor("y", (1, "m"), kind)]
        arrays = [values[:, None], values[None, :]]
    f = wf.function(inputs, [op(*inputs) for op, _ in functions])
    wrong = []
    for (op, reference), found in zip(functions, f(*arrays), strict=True):
        expected = expected_at(op, reference, *arrays)
        for place in np.argwhere(~same_numbers(op, found, np.broadcast_to(expected, found.shape)))[:5]:
            at = [float(v.ravel()[i]) for v, i in zip(arrays, place, strict=True)]
            wrong.append(f"{op_name(op)}{tuple(at)} is {found[tuple(place)]}, not {expected[tuple(place)]}")
    assert wrong == []


def op_name(op: Any) -> str:
    return str(getattr(op, "__name__", op))


# ---- integers and bools --------------------------------------------------------------------------------------------

KINDS = (("bool", "int64"), ("int8", "uint32"), ("uint8", "int32"), ("int16", "uint64"))
# NumPy computes these of bools as int8; in weft a bool stays one, or is refused
OF_BOOLS = frozenset(
    [
        "square",
        "reciprocal",
        "floor_divide",
        "mod",
        "fmod",
        "pow",
        "floor",
        "ceil",
        "trunc",
        "rint",
        "round",
        "left_shift",
        "right_shift",
    ]
)
KEEPS_INTEGERS = frozenset(["rint"])  # NumPy's makes floats of them


def whole_numbers(kind: str, low: int, high: int) -> np.ndarray:
    span = np.arange(max(low, 0) if kind[0] == "u" else low, high + 1)
    return (span > 1) if kind == "bool" else span.astype(kind)


def of_whole_numbers(functions: Iterable[Any], part: int, *ranges: tuple[int, int]) -> Iterator[Any]:
    """(op, reference, inputs, arrays) for a quarter of the dtypes, each argument along an axis of its own.

    Every dtype is compiled with every fourth function: code for a dtype takes 35 ms to compile.
    """
    for number, (op, reference) in enumerate(functions):
        yield from _of_kinds(op, reference, KINDS[(number + part) % len(KINDS)], ranges)


def _of_kinds(op: Any, reference: Any, kinds: Iterable[str], ranges: tuple[tuple[int, int], ...]) -> Iterator[Any]:
    for kind in kinds:
        if (kind == "bool" and op_name(op) in OF_BOOLS) or op_name(op) in KEEPS_INTEGERS:
            continue
        rank = len(ranges)
        columns = [tuple(-1 if a == i else 1 for a in range(rank)) for i in range(rank)]
        arrays = [whole_numbers(kind, *r).reshape(c) for r, c in zip(ranges, columns, strict=True)]
        yield op, reference, [wf.tensor("xy"[i], a.shape, kind) for i, a in enumerate(arrays)], arrays


def numpys(reference: Callable[..., Any], arrays: list[np.ndarray]) -> np.ndarray | None:
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(reference(*arrays))
            # NumPy computes some functions of small integers in float16, weft in float32
            return found if found.dtype != np.float16 else np.asarray(reference(*[a.astype("float32") for a in arrays]))
    except TypeError:
        return None


@pytest.mark.parametrize("part", every(4, range(4)))
@pytest.mark.parametrize(
    ("functions", "ranges"),
    [(UNARY, [(-5, 9)]), (BINARY, [(-5, 9), (0, 5)]), (BITS, [(-5, 9), (0, 5)])],
    ids=["unary", "binary", "bits"],
)
def test_integers_and_bools_are_as_in_numpy(functions, ranges, part):
    compiled, wrong = [], []
    for op, reference, inputs, arrays in of_whole_numbers(functions, part, *ranges):
        expected, kind = numpys(reference, arrays), arrays[0].dtype
        try:
            out = op(*inputs)
        except wf.DTypeError:
            if expected is not None and (isinstance(op, Primitive) or kind != "bool"):
                wrong.append(f"{op_name(op)} refuses {kind}, and NumPy does not")
            continue
        if expected is None:
            wrong.append(f"{op_name(op)} takes {kind}, and NumPy does not")
        elif out.dtype.kind != expected.dtype.kind or (out.dtype.kind != "f" and out.dtype != expected.dtype):
            wrong.append(f"{op_name(op)} of {kind} is {out.dtype}, and NumPy's {expected.dtype}")
        else:
            compiled.append((op, inputs, arrays, out, expected))
    listed = [x for _, inputs, *_ in compiled for x in inputs]
    f = wf.function(listed, [out for *_, out, _ in compiled], on_unused_input="ignore")
    found = f(*[a for _, _, arrays, *_ in compiled for a in arrays])
    for (op, _, arrays, _, expected), got in zip(compiled, found, strict=True):
        if not same_numbers(op, got, expected.astype(got.dtype)).all():
            wrong.append(f"{op_name(op)} of {arrays[0].dtype}: {got.ravel()}, not {expected.ravel()}")
    assert wrong == []

"""Every op that has a form in ONNX: a runtime gives what the reference gives, of symbolic sizes and of fixed ones."""

from __future__ import annotations

import numpy as np
import pytest

import weft as wf
from weft.symbolic.expr import Expr

from ...cases import CASES, Case
from ...nn.test_every_part import GROUPS
from ...sampling import every, rarely
from ...test_every_op import close, drawn, inputs_of
from .runtimes import run_model

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

NO_FORM = {"erfinv", "callback"}
NOT_EMPTY = {"prod keepdims"}  # onnxruntime's Scan refuses sequences of no elements
SINGLE = {
    "erf",
    "erfc",
    "gelu",
}  # in float64 onnxruntime has them not, and the standard's reference in single precision
DOZENS = [CASES[i : i + 12] for i in range(0, len(CASES), 12)]
THIRD = every(3, DOZENS)
by_dozen = pytest.mark.parametrize("cases", DOZENS, ids=lambda cases: f"{cases[0].label} .. {cases[-1].label}")
by_third = pytest.mark.parametrize("cases", THIRD, ids=lambda cases: f"{cases[0].label} .. {cases[-1].label}")


def values_of(case: Case, inputs: list[Expr]) -> list[Expr]:
    made = case.call(*inputs)
    return list(made) if isinstance(made, tuple | list) else [made]


def gradients_of(case: Case, inputs: list[Expr]) -> list[Expr]:
    """First and second derivatives of a function of all values."""
    floats = [x for x in inputs if x.type.is_float]
    loss = sum(wf.sin(y).sum() for y in values_of(case, inputs) if y.type.is_float)
    first = wf.grad(loss, floats, disconnected="zero")
    return [*first, *wf.grad(sum((g * g).sum() for g in first), floats, disconnected="zero")]


def wrong(case: Case, inputs: list[Expr], outputs: list[Expr], kind: str, sizes: tuple[int, ...], eps: float) -> list:
    """What a runtime gives otherwise than the reference."""
    model, found = wf.onnx.to_model(outputs, inputs=inputs), []
    for n in sizes:
        arrays = drawn(case, n, kind)
        expected = wf.evaluate(outputs, dict(zip(inputs, arrays, strict=True)))
        floats = [a for a in arrays if a.dtype.kind == "f"]
        for place, (mine, theirs) in enumerate(zip(expected, run_model(model, arrays), strict=True)):
            mine = np.asarray(mine)
            if theirs.dtype != mine.dtype or not close(theirs, mine, eps, floats):
                found.append((case.label, kind, n, place))
    return found


def fixed_inputs(case: Case, n: int, kind: str) -> list[Expr]:
    return [wf.tensor(f"x{i}", a.shape, a.dtype) for i, a in enumerate(drawn(case, n, kind))]


@pytest.mark.parametrize("kind", ["float32", rarely("float64")])
@by_third
def test_values_are_the_references(cases, kind):
    found = []
    for case in cases:
        if case.label not in (NO_FORM if kind == "float32" else NO_FORM | SINGLE):
            inputs = inputs_of(case, kind)
            found += wrong(case, inputs, values_of(case, inputs), kind, case.sizes, max(case.eps, 64))
    assert found == []


@pytest.mark.slow
@by_dozen
def test_values_of_fixed_sizes_are_the_references(cases):
    found = []
    for case in cases:
        for n in () if case.label in NO_FORM else case.sizes:
            inputs = fixed_inputs(case, n, "float32")
            found += wrong(case, inputs, values_of(case, inputs), "float32", (n,), max(case.eps, 64))
    assert found == []


@pytest.mark.slow
@by_dozen
def test_gradients_to_second_order_are_the_references(cases):
    found = []
    for case in cases:
        if case.differentiable and case.label not in NO_FORM:
            inputs = inputs_of(case, "float32")
            sizes = case.sizes[1:] if case.label in NOT_EMPTY else case.sizes
            found += wrong(case, inputs, gradients_of(case, inputs), "float32", sizes, 20 * max(case.eps, 64))
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("some", GROUPS, ids=lambda some: f"{some[0].label} .. {some[-1].label}")
def test_values_of_every_part_of_networks_are_the_references(some):
    found = []
    for part in some:
        inputs = inputs_of(part, "float32")
        found += wrong(part, inputs, values_of(part, inputs), "float32", part.sizes, max(part.eps, 64))
    assert found == []


@pytest.mark.parametrize("label", sorted(NO_FORM))
def test_what_has_no_form_is_a_sentence(label, tmp_path):
    case = next(c for c in CASES if c.label == label)
    path = tmp_path / "model.onnx"
    with pytest.raises(wf.LoweringError, match=rf"nothing was written: {label}"):
        wf.onnx.save(case.call(*inputs_of(case, "float32")), path)
    assert list(tmp_path.iterdir()) == []

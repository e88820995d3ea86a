"""Programs that nobody wrote: compiled, optimised or not, they give what the references give."""

from __future__ import annotations

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu import CPU
from weft.codegen.passes.pipeline import run as passes
from weft.symbolic.evaluate import run
from weft.symbolic.expr import Expr, toposort
from weft.symbolic.graph import Graph
from weft.testing.agreement import disagreement, draw

KINDS = ("ordinary", "range", "infinite", "nan")
ONE = (wf.exp, wf.tanh, wf.sigmoid, wf.square, wf.abs, wf.sqrt, wf.log1p, wf.reciprocal, wf.relu, lambda x: -x)
TWO = (wf.add, wf.sub, wf.mul, wf.div, wf.maximum, wf.minimum, lambda x, y: wf.where(x > y, x, y * 2))
CONSTANTS = (2.0, 0.5, 1.0, 0.0, 49.0, 0.1, 1e-30, 1e25, -3.0)


def _shift(x: Expr) -> Expr:
    return x - wf.max(x, 1, keepdims=True)


ROWS = (  # of matrices of any size to such of the same size
    lambda x: wf.softmax(x, 1),
    lambda x: wf.log_softmax(x, 1),
    lambda x: wf.exp(_shift(x)) / wf.sum(wf.exp(_shift(x)), 1, keepdims=True),
    lambda x: wf.exp(x) / wf.sum(wf.exp(x), 1, keepdims=True),
    lambda x: x / wf.sqrt(wf.mean(wf.square(x), 1, keepdims=True)),
    lambda x: x - wf.mean(x, 0),
    lambda x: x * wf.sum(x * 0.1, 1, keepdims=True),
    lambda x: wf.concatenate([x[:, 1:], x[:, :1]], 1),
    lambda x: x[::-1] + wf.max(x, 0),
    lambda x: x[:, [2, 0, 1]],
    lambda x: wf.transpose(wf.transpose(x) @ x @ wf.transpose(x)),
    lambda x: wf.broadcast_to(wf.expand_dims(wf.sum(x, 1), 1), x.shape),
    lambda x: wf.reshape(wf.reshape(x, (x.shape[1], x.shape[0])), x.shape),
    lambda x: wf.cast(wf.cast(x > 0, "int8"), x.dtype) * x,
)


def program(rng: np.random.Generator, dtype: str) -> tuple[list[Expr], list[Expr]]:
    """(inputs, outputs) of random steps over a matrix of n rows, a row and a scalar; a gradient, sometimes."""
    inputs = [wf.tensor("x", ("n", 3), dtype), wf.tensor("row", (3,), dtype), wf.tensor("s", (), dtype)]
    known = [*inputs]
    for _ in range(rng.integers(3, 9)):
        step, last = rng.integers(4), known[rng.integers(len(known))]
        if step == 0:
            known.append(ONE[rng.integers(len(ONE))](last))
        elif step == 1:
            known.append(TWO[rng.integers(len(TWO))](last, known[rng.integers(len(known))]))
        elif step == 2:
            known.append(TWO[rng.integers(4)](last, CONSTANTS[rng.integers(len(CONSTANTS))]))
        else:
            wide = [k for k in known if k.ndim == 2]
            known.append(ROWS[rng.integers(len(ROWS))](wide[rng.integers(len(wide))]))
    outs = [known[-1], known[rng.integers(3, len(known))]]
    if rng.random() < 0.3:
        outs.append(wf.grad(wf.sum(known[-1]), inputs[rng.integers(3)], disconnected="zero"))
    return inputs, outs


def check(seed: int, compiled: bool = True) -> None:
    """One program at values of all kinds, in its compiled forms or in those that all passes leave."""
    rng = np.random.default_rng(seed)
    inputs, outs = program(rng, ("float32", "float64")[seed % 2])
    if compiled:
        forms = [wf.function(inputs, outs, optimize=level, on_unused_input="ignore") for level in (0, 2)]
    else:
        after = passes(Graph(tuple(inputs), tuple(outs)), 2, CPU)
        forms = [lambda *values: run(list(after.outputs), dict(zip(inputs, values, strict=True)))]
    for kind in KINDS:
        values = draw(inputs, rng, kind, int(rng.integers(1, 4)))
        try:
            written = run(outs, values)
        except ValueError:  # a maximum of nothing, a reshape
            continue
        noise = _noise(outs, values)
        for form in forms:
            for out, left, right in zip(outs, written, form(*values.values()), strict=True):
                fault = disagreement(out, left, np.asarray(right), values, noise=noise)
                steps = "\n".join(map(repr, toposort([out])))
                assert fault is None, f"program {seed}: {fault}\n{values}\n{steps}"


def _noise(outs: list[Expr], values: dict[Expr, np.ndarray]) -> float:
    """The last bit of the largest finite number on the way."""
    nodes = [n for n in toposort(outs) if n.type.is_float]
    largest = max(float(np.max(np.abs(v), where=np.isfinite(v), initial=0)) for v in run(nodes, values))
    return largest * float(np.finfo(outs[0].dtype).eps)


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_passes(first):
    for seed in range(first, first + 20):
        check(seed, compiled=False)


@pytest.mark.parametrize("seed", range(6))
def test_compiled(seed):
    check(1000 + seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", [10_000, 20_000, 30_000])
@pytest.mark.parametrize("first", range(0, 2000, 100))
def test_many(first, block):
    for seed in range(block + first, block + first + 100):
        check(seed, compiled=seed % 10 == 0)

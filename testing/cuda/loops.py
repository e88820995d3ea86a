"""Loops and branches on a device, and their derivatives, against the references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops.activations import softmax
from ...ops.control import cond, scan, while_loop
from ...ops.elementwise import cast
from ...ops.indexing import take
from ...ops.reduce import sum as sum_over
from ...ops.scalar import exp, gt, lt, sin, square, tanh
from ...symbolic.evaluate import evaluate
from ...symbolic.expr import Expr
from ...symbolic.grad import grad
from ...symbolic.variables import matrix, scalar, tensor3, vector
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import Array, compare_all, normal

EPS = 256.0  # steps add up what they round


def _agree(
    setting: DeviceSetting, inputs: Sequence[Expr], outputs: Sequence[Expr], *calls: Sequence[Any], eps: float = EPS
) -> None:
    """The outputs are the references' for the arguments of each call."""
    f = setting.compile(inputs, list(outputs))
    for number, arrays in enumerate(calls):
        values = dict(zip(inputs, arrays, strict=True))
        expected = evaluate(list(outputs), values)
        compare_all(f"call {number}", f(*arrays), [np.asarray(e) for e in expected], eps)


def check_scan(setting: DeviceSetting) -> None:
    """A recurrent layer, for no step, one, and some: all states, the last one, and gradients."""
    x, w, h0 = tensor3("x", ("time", "n", 3)), matrix("w", (3, 3)), matrix("h0", ("n", 3))

    def step(h: Expr, now: Expr) -> tuple[Expr, Expr]:
        h = tanh(now + h @ w)
        return h, h

    last, states = scan(step, h0, x)
    loss = sum_over(square(states)) + sum_over(last)
    calls = [(normal((t, 4, 3)), normal((3, 3), seed=1), normal((4, 3), seed=2)) for t in (0, 1, 6)]
    _agree(setting, [x, w, h0], [last, states, *grad(loss, [x, w, h0])], *calls)


def check_reverse_scan(setting: DeviceSetting) -> None:
    """From the last element to the first, with two sequences and a structure as carry."""
    x, y = matrix("x", ("time", 3)), vector("y", ("time",))

    def step(carry: Any, now: Any) -> Any:
        total, count = carry["total"] * now[1] + now[0], carry["count"] + 1
        return {"total": total, "count": count}, total

    begins = {"total": sum_over(x, 0) * 0.0, "count": cast(sum_over(y) * 0.0, "int64")}
    end, out = scan(step, begins, (x, y), reverse=True)
    loss = sum_over(out * out)
    arrays = [(normal((t, 3)), normal((t,), seed=1)) for t in (1, 5)]
    _agree(setting, [x, y], [end["total"], end["count"], out, *grad(loss, [x, y])], *arrays)


def check_second_order(setting: DeviceSetting) -> None:
    """The gradient of a gradient through a scan."""
    x, w = vector("x", ("time",), "float64"), scalar("w", dtype="float64")
    last, _ = scan(lambda h, now: (sin(h * w + now), None), w * 0.5, x)
    first = grad(last * last, [x, w])
    second = grad(sum_over(square(first[0])) + square(first[1]), [x, w])
    _agree(setting, [x, w], [last, *first, *second], (normal((5,), "float64"), 0.7))


def check_until(setting: DeviceSetting) -> None:
    """A scan that ends when it has enough."""
    x = vector("x", ("time",))

    def step(total: Expr, now: Expr) -> tuple[Expr, Expr]:
        return total + now, total * now

    last, out, steps = scan(step, sum_over(x) * 0.0, x, until=lambda total, _: gt(total, 5.0))
    _agree(
        setting,
        [x],
        [last, sum_over(out), cast(steps, "int32")],
        (np.arange(9, dtype="float32"),),
        (np.ones(3, "float32"),),
    )


def check_while(setting: DeviceSetting) -> None:
    """A loop whose number of steps the data decide, and its gradient where there is a limit."""
    x = vector("x", (4,))
    y = while_loop(lambda v: lt(sum_over(v * v), 50.0), lambda v: v * 1.5 + 0.1, x, max_steps=20)
    _agree(setting, [x], [y, grad(sum_over(exp(y * 0.1)), x)], *[(normal((4,)) * s,) for s in (0.0, 0.5, 30.0)])
    endless = while_loop(lambda c: lt(c[0], 100), lambda c: (c[0] * 2, c[1] + 1), (cast(x[0], "int64"), x * 0.0))
    _agree(setting, [x], list(endless), (np.array([3, 0, 0, 0], "float32"),), (np.full(4, 200, "float32"),))


def check_cond(setting: DeviceSetting) -> None:
    """Either branch, and gradients of the one that is taken."""
    x, p = matrix("x", ("n", 3)), scalar("p")
    y = cond(gt(p, 0.0), lambda: softmax(x) * p, lambda: x @ (x.T @ x))
    outputs = [y, *grad(sum_over(square(y)), [x, p])]
    _agree(setting, [x, p], outputs, *[(normal((n, 3)), np.float32(v)) for n in (0, 1, 5) for v in (2.0, -2.0)])


def check_loop_in_loop(setting: DeviceSetting) -> None:
    """A loop in a loop, with a branch inside and an index that changes with the step."""
    x = matrix("x", (4, 3))

    def outer(total: Expr, row: Expr) -> tuple[Expr, Expr]:
        inner, _ = scan(lambda s, v: (cond(gt(v, 0.0), s + v * v, s - v), None), total, row)
        return inner, inner * take(row, cast(inner * 0.0, "int64"))

    last, out = scan(outer, sum_over(x) * 0.0, x)
    _agree(setting, [x], [last, out, grad(last + sum_over(out), x)], (normal((4, 3)),))


def check_many_steps(setting: DeviceSetting) -> None:
    """Hundreds of steps, which come to the same number as one by one."""
    steps = setting.pick(1000, 60)
    x = vector("x", (3,), "float64")
    last, kept = scan(lambda h, _: (sin(h * 1.1 + 0.2), h), x, length=steps)
    value: Array = normal((3,), "float64")
    f = setting.compile([x], [last, kept])
    rows = [value]
    for _ in range(steps):
        rows.append(np.sin(rows[-1] * 1.1 + 0.2))
    compare_all("the states", f(value), [rows[-1], np.stack(rows[:-1])], eps=4096.0)


def checks() -> list[DeviceCheck]:
    """All of the group."""
    return group_checks(
        "loops",
        {
            "scan": check_scan,
            "scan in reverse": check_reverse_scan,
            "scan, second order": check_second_order,
            "scan until": check_until,
            "while": check_while,
            "cond": check_cond,
            "nested": check_loop_in_loop,
            "many steps": check_many_steps,
        },
    )

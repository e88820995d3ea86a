"""Shared variables: updates on a device, and what other functions, other targets and the host see of them."""

from __future__ import annotations

import numpy as np

from ...codegen.function import function
from ...ops.creation import zeros
from ...ops.indexing import index_add, index_set, take
from ...ops.linalg import matmul
from ...ops.movement import concatenate
from ...ops.reduce import sum as sum_over
from ...ops.scalar import square
from ...symbolic.errors import NotFiniteError
from ...symbolic.grad import grad
from ...symbolic.variables import matrix, scalar, shared, vector
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import compare, compare_exactly, normal, require


def check_updates(setting: DeviceSetting) -> None:
    """All reads of a call see the values before any update; two variables can change places."""
    a, b = shared(normal((3, 5)), "a"), shared(normal((3, 5), seed=1), "b")
    old_a, old_b = a.get_value(), b.get_value()
    f = setting.compile([], [a + b, a * 1.0], {a: b, b: a})
    total, before = f()
    compare("a + b", total, old_a + old_b)
    compare_exactly("a as it was", before, old_a)
    compare_exactly("a after they changed places", a.get_value(), old_b)
    f()
    compare_exactly("a after they changed back", a.get_value(), old_a)
    compare_exactly("b after they changed back", b.get_value(), old_b)


def check_counting(setting: DeviceSetting) -> None:
    """Hundreds of updates, one after the other, none of which is lost."""
    n, w = shared(np.int64(0), "n"), shared(np.zeros(1001, "float32"), "w")
    calls, x = setting.pick(500, 20), scalar("x")
    f = setting.compile([x], None, {n: n + 1, w: w + x})
    for _ in range(calls):
        f(2.0)
    compare_exactly("the number of calls", n.get_value(), np.int64(calls))
    compare_exactly("the sum", w.get_value(), np.full(1001, 2.0 * calls, "float32"))


def check_between_functions(setting: DeviceSetting) -> None:
    """What one function writes, others read: on the device, on the CPU, and the host, in any order."""
    w, x = shared(normal((7, 3)), "w"), matrix("x", (3, 3))
    write = setting.compile([x], None, {w: matmul(w, x)})
    read = setting.compile([], sum_over(square(w), 1))
    on_cpu = function([], None, {w: w + 1.0})
    expected, factor = w.get_value().astype("float64"), normal((3, 3), seed=2)
    for number in range(4):
        write(factor)
        expected = expected @ factor.astype("float64")
        compare(f"round {number}, read on the device", read(), (expected**2).sum(1).astype("float32"), 256)
        on_cpu()
        expected = expected + 1
        compare(f"round {number}, read on the host", w.get_value(), expected.astype("float32"), 256)
    w.set_value(np.zeros((7, 3), "float32"))
    compare_exactly("after set_value", read(), np.zeros(7, "float32"))


def check_resizing(setting: DeviceSetting) -> None:
    """A variable whose size changes with each call."""
    rows, x = shared(np.zeros((0, 3), "float32"), "rows", shape=("n", 3)), matrix("x", (2, 3))
    grow = setting.compile([x], sum_over(rows), {rows: concatenate([rows, x])})
    parts = [normal((2, 3), seed=seed) for seed in range(4)]
    for part in parts:
        grow(part)
    compare_exactly("the rows", rows.get_value(), np.concatenate(parts))
    rows.set_value(parts[0][:1])
    compare("their sum after set_value", grow(parts[1]), parts[0][:1].sum(), 16)


def check_in_place(setting: DeviceSetting) -> None:
    """Rows of a variable that are set and added to, while its old value is asked for."""
    start = normal((50, 8))
    w, places, x = shared(start, "w"), vector("places", ("n",), "int64"), matrix("x", ("n", 8))
    f = setting.compile([places, x], take(w, places, 0), {w: index_add(w, places, x)})
    g = setting.compile([places, x], w * 1.0, {w: index_set(w, places, x)})
    where, rows = np.array([3, 3, -1, 0, 3]), normal((5, 8), seed=1)
    compare_exactly("the rows before", f(where, rows), start[where])
    expected = start.astype("float64")
    np.add.at(expected, where, rows)
    compare("the rows added", w.get_value(), expected.astype("float32"), 16)
    old = w.get_value()
    compare_exactly("the variable before", g(where, rows), old)
    old[where] = rows
    compare_exactly("the rows set", w.get_value(), old)


def check_dtypes(setting: DeviceSetting) -> None:
    """Variables of every dtype, scalars and empty ones among them."""
    for kind in ("bool", "int8", "uint16", "int32", "uint64", "float16", "float32", "float64"):
        for shape in ((), (0,), (1,), (5, 3)):
            value = (normal(shape) * 5).astype(kind) if kind != "bool" else normal(shape) > 0
            w, kept = shared(np.asarray(value), "w"), shared(np.zeros(shape, kind), "kept")
            f = setting.compile([], w, {kept: w})
            compare_exactly(f"{kind}{shape} that is returned", f(), np.asarray(value))
            compare_exactly(f"{kind}{shape} that is kept", kept.get_value(), np.asarray(value))


def check_refused_values(setting: DeviceSetting) -> None:
    """With nan="raise" a NaN is refused, and the variables are as before."""
    w, x = shared(np.ones(4, "float32"), "w"), vector("x", (4,))
    loss = sum_over(square(w * x))
    f = setting.compile([x], loss, {w: w - grad(loss, w)}, nan="raise")
    f(np.ones(4, "float32"))
    before = w.get_value()
    try:
        f(np.array([1, np.nan, 1, 1], "float32"))
    except NotFiniteError:
        compare_exactly("the variable after the refusal", w.get_value(), before)
    else:
        require(False, 'A NaN among the new values is not refused, with nan="raise".')


def check_empty_step(setting: DeviceSetting) -> None:
    """A step over no data leaves its variables as they are."""
    w, x = shared(normal((3, 2)), "w"), matrix("x", ("n", 3))
    before, loss = w.get_value(), sum_over(matmul(x, w))
    f = setting.compile([x], loss, {w: w - grad(loss, w)})
    compare_exactly("the loss", f(np.zeros((0, 3), "float32")), np.float32(0))
    compare_exactly("the variable", w.get_value(), before)
    compare_exactly("a constant", setting.compile([], zeros((2, 3)))(), np.zeros((2, 3), "float32"))


def checks() -> list[DeviceCheck]:
    """All of the group."""
    return group_checks(
        "variables",
        {
            "updates": check_updates,
            "many updates": check_counting,
            "between functions and targets": check_between_functions,
            "changing sizes": check_resizing,
            "in place": check_in_place,
            "dtypes": check_dtypes,
            "refused values": check_refused_values,
            "empty": check_empty_step,
        },
    )

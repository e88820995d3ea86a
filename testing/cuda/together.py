"""Several threads that call functions of one device."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...ops.linalg import matmul
from ...ops.reduce import sum as sum_over
from ...ops.scalar import tanh
from ...symbolic.variables import matrix, scalar, shared
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import compare, compare_exactly, normal

THREADS = 8


def _run(tasks: list[Callable[[], None]]) -> None:
    """All tasks, by threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        for task in [pool.submit(task) for task in tasks]:
            task.result()


def check_one_function(setting: DeviceSetting) -> None:
    """One function called by many threads, with other sizes and numbers each, gives each its own results."""
    x = matrix("x", ("n", 7))
    f = setting.compile([x], [tanh(x), matmul(x.T, x)])

    def task(number: int) -> None:
        value = normal((number % 5 * 3 + 1, 7), seed=number)
        for _ in range(setting.pick(10, 2)):
            one, two = f(value)
            compare(f"tanh in task {number}", one, np.tanh(value), 16)
            compare(f"the product in task {number}", two, (value.T.astype("float64") @ value).astype("float32"), 64)

    _run([lambda i=i: task(i) for i in range(setting.pick(64, 12))])  # type: ignore[misc]


def check_one_variable(setting: DeviceSetting) -> None:
    """Many threads update one variable: no update is lost, and readers see it whole."""
    w, x = shared(np.zeros(1000, "float32"), "w"), scalar("x")
    add, read = setting.compile([x], None, {w: w + x}), setting.compile([], w * 1.0)
    calls = setting.pick(50, 4)

    def write() -> None:
        for _ in range(calls):
            add(1.0)

    def look() -> None:
        for _ in range(calls):
            found = read()
            compare_exactly("what a reader sees", found, np.full(1000, found[0]))

    _run([write, look] * THREADS)
    compare_exactly("the sum", w.get_value(), np.full(1000, calls * THREADS, "float32"))


def check_compiling(setting: DeviceSetting) -> None:
    """Functions that are made, and their kernels compiled, while others run."""

    def task(number: int) -> None:
        x = matrix("x", ("n", 3))
        f = setting.compile([x], sum_over(x * float(number) + 1.0, 1))
        value = normal((number + 1, 3), seed=number)
        compare(f"function {number}", f(value), (value * np.float32(number) + 1).sum(1), 64)

    _run([lambda i=i: task(i) for i in range(setting.pick(32, 8))])  # type: ignore[misc]


def checks() -> list[DeviceCheck]:
    """All of the group."""
    return group_checks(
        "threads",
        {
            "one function": check_one_function,
            "one variable": check_one_variable,
            "compiling": check_compiling,
        },
    )

"""KERNELS: which ops have a structured kernel on the CPU, and the planner that says how to run it.

A planner gets the op (its sizes as numbers), the outputs and the arguments as `Array`s, and returns a `Plan`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops import linalg
from ...symbolic.expr import Op
from .launch import Array, Plan

Planner = Callable[[Any, tuple[Array, ...], tuple[Array, ...]], Plan]


def _matmul(op: Any, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
    from .matmul import plan_matmul

    return plan_matmul(outs[0], *args)


KERNELS: dict[type[Op], Planner] = {linalg.MatMul: _matmul}


def has_kernel(op: Op) -> bool:
    """Whether an op of this class has a kernel."""
    return type(op) in KERNELS

"""KERNELS: which ops have a structured kernel on the CPU, and the planner that says how to run it.

A planner gets the op (its sizes as numbers), the outputs and the arguments as `Array`s, and returns a `Plan`.  It runs
once for each function and set of sizes.  Planners are imported when first used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from ...ops import callback, control, conv, decompositions, determinants, gather, labels, linalg, order, pool
from ...symbolic.expr import Op
from ..target import Key, key_of
from .launch import Array, Plan

Planner = Callable[[Op, tuple[Array, ...], tuple[Array, ...]], Plan]


def _planner_in(module: str, name: str, *parameters: str) -> Planner:
    """The planner `name` of a module, called with outputs, arguments and these fields of the op."""

    def planner(op: Op, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
        plan: Callable[..., Plan] = getattr(import_module(f".{module}", __package__), name)
        return plan(*outs, *args, **{p: getattr(op, p) for p in parameters})

    return planner


def _planner_on_arrays(module: str, name: str) -> Planner:
    """The planner of a kernel that is written on arrays, as users' kernels are."""

    def planner(op: Op, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
        from .run.custom import plan_custom

        return plan_custom(getattr(import_module(f".{module}", __package__), name), op, outs, args, users=False)

    return planner


def _planner_in_python(name: str) -> Planner:
    """One of the planners of calls into Python."""

    def planner(op: Op, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
        plan: Planner = getattr(import_module(".run.callback", __package__), name)
        return plan(op, outs, args)

    return planner


@dataclass(frozen=True)
class UsersKernel:
    """The planner of a user's kernel."""

    function: Callable[..., None]

    def __call__(self, op: Op, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
        from .run.custom import plan_custom

        return plan_custom(self.function, op, outs, args)

    def plan_checks(self, op: Op, outs: tuple[Array, ...], args: tuple[Array, ...]) -> Plan:
        """In debug mode: with its indices checked, and its results compared with the op's reference."""
        from .run.custom import plan_checks

        return plan_checks(self.function, op, outs, args)


_WINDOW = ("window", "strides", "padding")
_DILATED = (*_WINDOW, "dilation")
_CONV = ("strides", "padding", "x_dilation", "w_dilation", "groups", "batch_groups")


KERNELS: dict[Key, Planner] = {
    linalg.MatMul: _planner_in("matmul.plan", "plan_matmul"),
    conv.Conv: _planner_in("conv.plan", "plan_conv", *_CONV),
    pool.MaxPool: _planner_in("pool.plan", "plan_max_pool", *_DILATED),
    pool.MaxPoolPlaces: _planner_in("pool.plan", "plan_max_pool_places", *_DILATED),
    pool.MaxPoolScatter: _planner_in("pool.plan", "plan_max_pool_scatter", *_DILATED),
    pool.MaxPoolGather: _planner_in("pool.plan", "plan_max_pool_gather", *_DILATED),
    pool.SumPool: _planner_in("pool.plan", "plan_sum_pool", *_WINDOW),
    pool.SumPoolScatter: _planner_in("pool.plan", "plan_sum_pool_scatter", *_WINDOW),
    labels.CheckLabels: _planner_in("index.labels", "plan_check_labels", "classes"),
    control.CheckSteps: _planner_in("index.labels", "plan_check_steps", "length"),
    gather.Gather: _planner_in("index.plan", "plan_gather", "axes"),
    gather.ScatterAdd: _planner_in("index.plan", "plan_scatter_add", "axes"),
    gather.ScatterSet: _planner_in("index.plan", "plan_scatter_set", "axes"),
    decompositions.Cholesky: _planner_in_python("plan_reference"),
    decompositions.Inverse: _planner_in_python("plan_reference"),
    decompositions.Solve: _planner_in_python("plan_reference"),
    decompositions.SolveTriangular: _planner_on_arrays("matmul.triangular", "solve_triangular"),
    determinants.SignLogDet: _planner_in_python("plan_reference"),
    determinants.Determinant: _planner_in_python("plan_reference"),
    determinants.Cofactors: _planner_in_python("plan_reference"),
    decompositions.EigH: _planner_in_python("plan_reference"),
    decompositions.SVD: _planner_in_python("plan_reference"),
    decompositions.QR: _planner_in_python("plan_reference"),
    order.CumSum: _planner_in("index.order", "plan_cumsum", "reverse"),
    order.ArgSort: _planner_in("index.order", "plan_argsort", "descending"),
    callback.Callback: _planner_in_python("plan_callback"),
}


def planner_of(op: Op) -> Planner:
    """What plans the kernel of an op that has one (`key_of`)."""
    key = key_of(op, KERNELS)
    assert key is not None, op
    return KERNELS[key]

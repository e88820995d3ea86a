"""KERNELS: which ops have a structured kernel on a device, and the planner that says how to run it.

A planner gets the op (its sizes as numbers), the outputs and the arguments as `Strided`s and the processor, and returns
a `GridPlan`.  It runs once for each function and set of sizes.  Planners are imported when first used.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ...ops import callback, control, conv, decompositions, determinants, gather, labels, linalg, order, pool
from ...symbolic.expr import Op
from ..target import Key, key_of
from .launch import GridPlan, Processor, Strided

GridPlanner = Callable[[Op, tuple[Strided, ...], tuple[Strided, ...], Processor], GridPlan]


def _planner_in(module: str, name: str, *parameters: str) -> GridPlanner:
    """The planner `name` of a module, called with outputs, arguments, the processor and these fields of the op."""

    def planner(op: Op, outs: tuple[Strided, ...], args: tuple[Strided, ...], processor: Processor) -> GridPlan:
        plan: Callable[..., GridPlan] = getattr(import_module(f".{module}", __package__), name)
        return plan(*outs, *args, processor, **{p: getattr(op, p) for p in parameters})

    return planner


_WINDOW = ("window", "strides", "padding")
_DILATED = (*_WINDOW, "dilation")
_CONV = ("strides", "padding", "x_dilation", "w_dilation", "groups", "batch_groups")

KERNELS: dict[Key, GridPlanner] = {
    linalg.MatMul: _planner_in("products.matmul", "plan_matmul"),
    conv.Conv: _planner_in("products.conv", "plan_conv", *_CONV),
    pool.MaxPool: _planner_in("pool.plan", "plan_max_pool", *_DILATED),
    pool.MaxPoolPlaces: _planner_in("pool.plan", "plan_max_pool_places", *_DILATED),
    pool.MaxPoolScatter: _planner_in("pool.plan", "plan_max_pool_scatter", *_DILATED),
    pool.MaxPoolGather: _planner_in("pool.plan", "plan_max_pool_gather", *_DILATED),
    pool.SumPool: _planner_in("pool.plan", "plan_sum_pool", *_WINDOW),
    pool.SumPoolScatter: _planner_in("pool.plan", "plan_sum_pool_scatter", *_WINDOW),
    labels.CheckLabels: _planner_in("index.labels", "plan_check_labels", "classes"),
    control.CheckSteps: _planner_in("index.labels", "plan_check_steps", "length"),
    gather.Gather: _planner_in("index.gather", "plan_gather", "axes"),
    gather.ScatterAdd: _planner_in("index.scatter", "plan_scatter_add", "axes"),
    gather.ScatterSet: _planner_in("index.scatter", "plan_scatter_set", "axes"),
    order.CumSum: _planner_in("index.cumsum", "plan_cumsum", "reverse"),
    order.ArgSort: _planner_in("index.argsort", "plan_argsort", "descending"),
}

# What LAPACK, or Python, does on the host: the device waits, arguments come and results go.
ON_HOST: tuple[type[Op], ...] = (
    *(decompositions.Cholesky, decompositions.Inverse, decompositions.Solve, decompositions.SolveTriangular),
    *(decompositions.EigH, decompositions.SVD, decompositions.QR),
    *(determinants.SignLogDet, determinants.Determinant, determinants.Cofactors, callback.Callback),
)


def planner_of(op: Op) -> GridPlanner:
    """What plans the kernel of an op that has one (`key_of`)."""
    key = key_of(op, KERNELS)
    assert key is not None, op
    return KERNELS[key]


def is_on_host(op: Op) -> bool:
    """Whether the host computes an op: one of those above, or one that has nothing but its reference."""
    if key_of(op, KERNELS) is not None:
        return False
    return isinstance(op, ON_HOST) or has_only_a_reference(op)


def has_only_a_reference(op: Op) -> bool:
    """Whether an op has neither a kernel nor simpler ops that it is made of, but a `numpy`."""
    kind = type(op)
    return kind.numpy is not Op.numpy and kind.expand is Op.expand and not op.in_nests and not op.bodies

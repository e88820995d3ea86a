"""How random numbers are written: as a variable, and what it is distributed as."""

from __future__ import annotations

from ...symbolic.expr import Expr
from ..elementwise import Elementwise
from .forms import Form, operands
from .texts import RELATION, Text, call, join

UNIFORM = ("unit_float16", "unit_float32", "unit_float64")
NORMAL = ("normal_float32", "normal_float64")


def draw_form(node: Expr) -> Form | None:
    """The form of a draw of a stream; None for all else."""
    if not isinstance(node.op, Elementwise):
        return None
    name = node.op.function.name
    if name in UNIFORM:
        return Form((), lambda: Text(r"\mathcal{U}(0, 1)"), r"\sim", "u")
    if name in NORMAL:
        return Form((), lambda: Text(r"\mathcal{N}(0, 1)"), r"\sim", r"\varepsilon")
    if name == "scaled_integer":
        return Form(
            (node.args[1],),
            lambda n: join(rf"\mathcal{{U}}\{{0, \dots, {n.latex} - 1\}}", RELATION, 0, n),
            r"\sim",
            "k",
        )
    pair = operands(node, "lt")
    if pair and isinstance(pair[0].op, Elementwise) and pair[0].op.function.name in UNIFORM:
        return Form((pair[1],), lambda p: call(r"\mathrm{Bernoulli}", p), r"\sim", "b")
    return None

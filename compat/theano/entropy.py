"""theano.tensor.xlogx: x log x, which is 0 at 0."""

from __future__ import annotations

import weft as wf

from ...symbolic.expr import Expr
from .elementwise import make_elemwise
from .scalar_ops import BinaryScalarOp, UnaryScalarOp


def _xlogy0(x: Expr, y: Expr) -> Expr:
    """x log y; 0 where x is 0."""
    zero = wf.eq(x, 0)
    return wf.where(zero, 0.0, x * wf.log(wf.where(zero, 1.0, y)))


XlogX, xlogx = make_elemwise("XlogX", "xlogx", lambda x: _xlogy0(x, x), UnaryScalarOp)
XlogY0, xlogy0 = make_elemwise("XlogY0", "xlogy0", _xlogy0, BinaryScalarOp)

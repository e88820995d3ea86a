"""Labels of classes, which are checked before anything is indexed by them."""

from __future__ import annotations

import numpy as np

from ..symbolic.dims import Dim
from ..symbolic.errors import DTypeError, IndexRangeError
from ..symbolic.expr import Expr, Op
from ..symbolic.records import record
from ..symbolic.types import Type


@record
class CheckLabels(Op):
    """Integer labels as int32, each of them in [0, classes): what indexes by comparison checks its labels here."""

    classes: Dim

    def infer(self, labels: Type) -> Type:
        if labels.dtype.kind not in "biu":
            raise DTypeError(f"Labels of classes are integers, not {labels.dtype.name}.")
        return Type(np.dtype("int32"), labels.shape)

    def numpy(self, labels: np.ndarray) -> np.ndarray:
        outside = labels[(labels < 0) | (labels >= self.classes)]
        if outside.size:
            raise IndexRangeError(f"label {outside[0]} is out of range for {self.classes} classes.")
        return labels.astype(np.int32)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[None]:
        return [None]

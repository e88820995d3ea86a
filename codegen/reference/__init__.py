"""The reference: every program step by step in Python, by the ops' own NumPy references; nests, loops and branches too.

Slow, and obviously right: what compiled functions are compared with, as they were fused and placed in memory.  It says
`target="reference"`, and is all that a target needs to have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...symbolic.expr import Op
from ...symbolic.leaves import Item
from ..target import FusionLimits, Key, Source, Target, key_of
from .function import ReferenceFunction
from .kernels import KERNELS

# Those of a processor, so that programs are fused as there.
FUSION = FusionLimits(buffers=24, recomputed=64, expensive=8, chunks=32, few_results=16, few_columns=256, long=1 << 15)


class ReferenceTarget(Target):
    """Python and NumPy."""

    name = "reference"

    def __init__(self, fusion: FusionLimits = FUSION):
        self.fusion = fusion

    def has_kernel(self, op: Op) -> bool:
        if key_of(op, KERNELS) is not None:
            return True
        referred = type(op).numpy is not Op.numpy and not isinstance(op, Item)
        return referred and not op.in_nests and not op.bodies

    def register(self, key: Key, function: Callable[..., None]) -> None:
        KERNELS[key] = function

    def compile(self, source: Source) -> Callable[..., object]:
        return ReferenceFunction(source, self)

    def report(self) -> Iterable[str]:
        return ["Python and NumPy: slow, and there on any machine"]


REFERENCE = ReferenceTarget()

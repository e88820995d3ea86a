"""CUDA: nests and structured kernels as PTX through LLVM, and graphs of launches over one arena a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...symbolic.errors import LoweringError, blame, user_site
from ...symbolic.expr import Op
from ..target import Key, Source, Target, key_of
from .kernels import KERNELS, is_on_host
from .model import FUSION
from .users import UsersPlanner


class CUDATarget(Target):
    """A device of NVIDIA's."""

    fusion = FUSION
    keeps_results = True

    def __init__(self, which: str = ""):
        self.which = which
        self.name = f"cuda:{which}" if which else "cuda"

    def at(self, which: str) -> Target:
        return CUDATarget(which)

    def has_kernel(self, op: Op) -> bool:
        return key_of(op, KERNELS) is not None or is_on_host(op)

    def register(self, key: Key, function: Callable[..., None]) -> None:
        KERNELS[key] = UsersPlanner(function)

    def compile(self, source: Source) -> Callable[..., object]:
        # functions import LLVM
        from .driver.devices import find_device
        from .run.function import CUDAFunction

        try:
            device = find_device(self.which)
        except LoweringError as error:
            raise blame(error, user_site()) from None
        return CUDAFunction(source, self, device)

    def report(self) -> Iterable[str]:
        from .report import report  # imports LLVM, as what follows does

        return report()

    def report_call(self, function: Any) -> Iterable[str]:
        from .report_call import report_call

        return report_call(function)


CUDA = CUDATarget()

"""No device, but a kind of one: code is made for it, and can be read; nothing runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from ....symbolic.errors import LoweringError
from ..launch import Processor
from ..trace.ptx import check_architecture, number_of
from .device import Device, DeviceGraph, GraphNode, Span

_PROCESSORS = 108  # multiprocessors that plans reckon with


class OfflineDevice(Device):
    """A kind of processor, as sm_80."""

    def __init__(self, architecture: str):
        self.architecture = check_architecture(architecture)
        self.name = f"cuda:{architecture}"
        self.processor = Processor(number_of(architecture), _PROCESSORS)

    def _refuse(self) -> NoReturn:
        raise LoweringError(
            f'The target "{self.name}" makes code that `explain("ptx")` shows, and runs none: '
            'for calls compile for "cuda", which takes a device, or for "cuda:simulator".'
        )

    def allocate(self, size: int) -> int:
        self._refuse()

    def free(self, address: int) -> None:
        self._refuse()

    def upload(self, target: Span, array: np.ndarray) -> None:
        self._refuse()

    def download(self, array: np.ndarray, source: Span) -> None:
        self._refuse()

    def copy(self, target: Span, source: Span) -> None:
        self._refuse()

    def graph(self, nodes: Sequence[GraphNode], after: Sequence[Sequence[int]]) -> DeviceGraph:
        self._refuse()

    def synchronize(self) -> None:
        pass

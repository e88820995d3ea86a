"""A program for given sizes on a device: segments over one arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ....symbolic.leaves import Constant
from ...lowering import memory
from ...lowering.bind import Bound
from ...lowering.buffers import Buffer, Role
from ...lowering.program import Step
from ..driver.device import Device, Span
from ..launch import Processor
from .encode import Encoded, Encoder
from .regions import Region
from .variables import DeviceMemory

ALIGNMENT = 256


class DeviceBinding:
    """Belongs to one call at a time."""

    def __init__(self, bound: Bound, device: Device, processor: Processor, constants: dict[Buffer, DeviceMemory]):
        self.bound, self.device = bound, device
        self.encoded: Encoded = Encoder(bound, processor).encode()
        self.arena_bytes = self._lay_out()
        self.constants = constants
        self.keep: list[DeviceMemory] = []
        self.bring()

    def _lay_out(self) -> int:
        """Offsets in the arena, from 0, for all regions that are not apart; the arena's size."""
        inside = [r for r in (*self.encoded.regions.values(), *self.encoded.others) if not r.apart]
        unit = ALIGNMENT // memory.ALIGNMENT_BYTES
        lives = [memory.Life(-(-max(r.size, 1) // ALIGNMENT) * ALIGNMENT // unit, r.first, r.last) for r in inside]
        offsets, size = memory.plan(lives)
        for region, offset in zip(inside, offsets, strict=True):
            region.address = offset * unit
        return size * unit

    def bring(self) -> None:
        """Memory for the arena, the flags, tables, arguments and results; constants are brought once a function."""
        encoded = self.encoded
        arena = self._take(self.arena_bytes)
        for region in (*encoded.regions.values(), *encoded.others):
            if not region.apart:
                region.address += arena.address
        for region, table in encoded.tables:
            region.address = self._take(region.size).address
            self.device.upload(Span(region.address, region.size), table)
        encoded.flags.address = self._take(encoded.flags.size).address
        self.clear_flags()
        for buffer, region in encoded.regions.items():
            if buffer.role is Role.CONSTANT:
                region.address = self._constant(buffer).address
            elif buffer.role in (Role.INPUT, Role.OUTPUT):
                region.address = self._take(region.size).address

    def _take(self, size: int) -> DeviceMemory:
        self.keep.append(DeviceMemory(self.device, max(size, 1)))
        return self.keep[-1]

    def _constant(self, buffer: Buffer) -> DeviceMemory:
        found = self.constants.get(buffer)
        if found is None:
            assert buffer.node is not None
            op = buffer.node.op
            assert isinstance(op, Constant)
            found = self.constants[buffer] = DeviceMemory(self.device, max(op.value.nbytes, 1))
            if op.value.size:
                self.device.upload(Span(found.address, op.value.nbytes), op.value)
        return found

    # ---- a call ---------------------------------------------------------------------------------------------------

    def move(self, addresses: Mapping[Buffer, int]) -> None:
        """Have these buffers, of variables, arguments or results, stand at these addresses."""
        moved: set[Region] = set()
        for buffer, address in addresses.items():
            region = self.encoded.regions.get(buffer)
            if region is not None and region.address != address:
                region.address = address
                moved.add(region)
        if moved:
            for segment in self.encoded.segments:
                segment.move(moved)

    def span(self, buffer: Buffer) -> Span:
        """Where a buffer is; nowhere, if no step touches it."""
        found = buffer.home
        region = self.encoded.regions.get(found)
        return Span(0, 0) if region is None else Span(region.address, self.bound.bytes[buffer])

    def upload(self, buffers: Sequence[Buffer], arrays: Sequence[np.ndarray]) -> None:
        """The arguments of a call."""
        for buffer, array in zip(buffers, arrays, strict=True):
            span = self.span(buffer)
            if span.size:
                self.device.upload(span, array)

    def run(self) -> None:
        """All segments; the device may still be at work."""
        for segment in self.encoded.segments:
            segment.run(self.device)

    def refusing_step(self) -> Step | None:
        """The first step that has refused its input, once the device is done; None if there is none."""
        steps = self.encoded.refusing
        if not steps:
            return None
        flags = np.empty(1 + len(steps), np.int32)
        self.device.download(flags, Span(self.encoded.flags.address, flags.nbytes))
        if not flags[0]:
            return None
        self.clear_flags()
        return steps[int(np.flatnonzero(flags[1:])[0])]

    def clear_flags(self) -> None:
        """No step has refused its input."""
        flags = self.encoded.flags
        self.device.upload(Span(flags.address, flags.size), np.zeros(flags.size // 4, np.int32))

    def close(self) -> None:
        """Give back what the device keeps."""
        for segment in self.encoded.segments:
            segment.close()

"""A program for given sizes on a device: segments over one arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from ....symbolic.leaves import Constant
from ....symbolic.storage import Storage
from ...lowering import memory
from ...lowering.bind import Bound
from ...lowering.buffers import Buffer, Role
from ...lowering.working import ArenaPart, WorkingMemory, estimate
from ..driver.allocation import Allocation
from ..driver.device import Device, Span
from ..driver.device_span import DeviceSpan
from ..launch import Processor
from .arguments import Argument
from .encode import Encoded, GraphEncoder
from .regions import Region
from .segments import CallEnded
from .variables import VariableCopy

ALIGNMENT = 256
ALIGNED = 16  # arrays that begin at multiples of it are read where they are


def measure(bound: Bound, processor: Processor) -> WorkingMemory:
    """What a bound program takes in the arena of a device; nothing is compiled for it."""
    encoded = GraphEncoder(bound, processor).encode()
    arena = lay_out(encoded)
    blocks = [ArenaPart(memory.Life(r.size, r.first, r.last), r.buffer) for r in inside(encoded)]
    return WorkingMemory(arena, blocks, estimate(bound).costs)


def inside(encoded: Encoded) -> list[Region]:
    """The regions that stand in the arena."""
    return [r for r in (*encoded.regions.values(), *encoded.others) if not r.apart]


def lay_out(encoded: Encoded) -> int:
    """Give all regions in the arena their offsets, from 0; the arena's size."""
    regions = inside(encoded)
    unit = ALIGNMENT // memory.ALIGNMENT_BYTES
    lives = [memory.Life(-(-max(r.size, 1) // ALIGNMENT) * ALIGNMENT // unit, r.first, r.last) for r in regions]
    offsets, size = memory.plan(lives)
    for region, offset in zip(regions, offsets, strict=True):
        region.address = offset * unit
    return size * unit


class DeviceBinding:
    """Belongs to one call at a time."""

    def __init__(self, bound: Bound, device: Device, processor: Processor, constants: dict[Buffer, Allocation]):
        self.bound, self.device = bound, device
        self.encoded: Encoded = GraphEncoder(bound, processor).encode()
        self.arena_bytes = lay_out(self.encoded)
        self.constants = constants
        self.keep: list[Allocation] = []
        self.own: dict[Buffer, int] = {}  # where arguments stand that come from the host
        self.held: list[object] = []  # what owns the memory that the last call reads
        self.copies: dict[Storage, VariableCopy] = {}  # of variables, as the last call reads and writes them
        self.bring()

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
        encoded.flags.region.address = self._take(encoded.flags.region.size).address
        encoded.flags.clear(self.device)
        for buffer, region in encoded.regions.items():
            if buffer.role is Role.CONSTANT:
                region.address = self._constant(buffer).address
            elif buffer.role in (Role.INPUT, Role.OUTPUT):
                region.address = self.own[buffer] = self._take(region.size).address

    def _take(self, size: int) -> Allocation:
        self.keep.append(Allocation(self.device, size))
        return self.keep[-1]

    def _constant(self, buffer: Buffer) -> Allocation:
        found = self.constants.get(buffer)
        if found is None:
            assert buffer.node is not None
            op = buffer.node.op
            assert isinstance(op, Constant)
            found = self.constants[buffer] = Allocation(self.device, op.value.nbytes)
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

    def give(self, buffers: Sequence[Buffer], arguments: Sequence[Argument]) -> None:
        """The arguments of a call: from the host they are copied, from the device they are read where they are."""
        moved, self.held = {}, []
        for buffer, argument in zip(buffers, arguments, strict=True):
            if buffer not in self.own:
                continue  # no step reads it
            here = isinstance(argument, DeviceSpan) and argument.address % ALIGNED == 0
            moved[buffer] = argument.address if isinstance(argument, DeviceSpan) and here else self.own[buffer]
        self.move(moved)
        for buffer, argument in zip(buffers, arguments, strict=True):
            span = self.span(buffer)
            if isinstance(argument, DeviceSpan):
                self.held.append(argument.owner)
                if span.size and span.address != argument.address:
                    self.device.copy(span, Span(argument.address, span.size))
            elif span.size:
                self.device.upload(span, argument)

    def let_go(self, arguments: Sequence[Argument]) -> None:
        """Whoever may change arguments waits until the call has read them."""
        for argument in arguments:
            if isinstance(argument, DeviceSpan) and argument.stream is not None:
                self.device.order_before(argument.stream)

    def run(self) -> None:
        """All segments, or those in front of one that a refused input would reach; the device may still be at work."""
        with suppress(CallEnded):
            for segment in self.encoded.segments:
                segment.run(self.device)

    def close(self) -> None:
        """Give back what the device keeps."""
        for segment in self.encoded.segments:
            segment.close()

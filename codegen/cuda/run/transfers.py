"""What a call copies between the host and the device, in the order in which it does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ....symbolic.storage import Storage
from ...lowering.bind import Bound
from ...lowering.buffers import Buffer, Role
from .encode import Encoded
from .function import CUDAFunction
from .regions import RegionPart
from .segments import HostBranch, HostLoop, HostStep, Segment

FIRST = "only at the first call of these sizes"
ONCE = "only at the function's first call"
LATER = "when a result is read"
CHANGED = "only when that has changed it"
REFUSED = "whether a step has refused its input"
PLAIN = "unless it is an array of the device"


class Transfer(NamedTuple):
    """Bytes that are copied; `when`: "" at every call, once."""

    bytes: int
    to_device: bool
    what: str
    when: str = ""

    def __str__(self) -> str:
        way = f"byte{'s' if self.bytes != 1 else ''} to the {'device' if self.to_device else 'host'}"
        return f"{self.bytes} {way}: {self.what}{', ' + self.when if self.when else ''}"


def transfers_of(function: CUDAFunction, bound: Bound, encoded: Encoded, is_read: bool = False) -> list[Transfer]:
    """All transfers of the next call, if its sizes are those of `bound`, and its arguments are of the host.

    is_read : whether the host brings all arguments, and looks at all results
    """
    found = [
        *_at_first(function, encoded),
        *_variables(function),
        *_arguments(function, bound, encoded, "" if is_read else PLAIN),
        *_segments(encoded.segments, ""),
        *_results(function, bound, encoded, is_read),
    ]
    return [transfer for transfer in found if transfer.bytes]


def _at_first(function: CUDAFunction, encoded: Encoded) -> Iterator[Transfer]:
    """What comes with a binding."""
    yield from (Transfer(table.nbytes, True, "a table of a kernel's", FIRST) for _, table in encoded.tables)
    yield Transfer(encoded.flags.region.size, True, "flags of steps that may refuse their input", FIRST)
    for buffer, region in encoded.regions.items():
        if buffer.role is Role.CONSTANT:
            yield Transfer(region.size, True, f"the constant {buffer.label}", ONCE)


def _variables(function: CUDAFunction) -> Iterator[Transfer]:
    for buffer in function.program.shared:
        if buffer.storage.copy_at(function.device.name) is not None:
            continue
        size = _bytes(buffer.storage)
        if buffer.storage.is_behind:
            yield Transfer(size, False, f"{_name(buffer)}, whose newest value is on another device")
        yield Transfer(size, True, f"{_name(buffer)}, whose newest value is on the host", CHANGED)


def _bytes(storage: Storage) -> int:
    return math.prod(storage.sizes.shape) * storage.of.dtype.itemsize


def _name(buffer: Buffer) -> str:
    return (buffer.node.name if buffer.node is not None else None) or buffer.label


def _arguments(function: CUDAFunction, bound: Bound, encoded: Encoded, when: str) -> Iterator[Transfer]:
    """Those that a step reads."""
    for buffer in function.program.inputs:
        if buffer in encoded.regions:
            yield Transfer(bound.bytes[buffer], True, f"the argument {_name(buffer)}", when)


def _results(function: CUDAFunction, bound: Bound, encoded: Encoded, is_read: bool) -> Iterator[Transfer]:
    """Results, new arrays of variables, and whether a step has refused its input."""
    stays = function.asked.options.stays
    waits = not stays or bool(function.refused)
    count = len(function.asked.graph.outputs)
    for number, result in enumerate(bound.results[:count]):
        if waits or is_read:
            yield Transfer(result.bytes, False, f"result {number}")
    replaced = function.source.updates if function.refused else function.program.replaced
    for (node, _), result in zip(replaced, bound.results[count:], strict=True):
        yield Transfer(result.bytes, False, f"the new array of {node.name or 'a variable'}")
    if encoded.flags.steps:
        yield Transfer(encoded.flags.any.size, False, REFUSED, "" if waits else LATER)
    if waits and stays:
        for number, result in enumerate(bound.results):
            what = f"result {number}" if number < count else "a new array, as the results are"
            yield Transfer(result.bytes, True, f"{what}, back again")


# ---- what the host does in between -----------------------------------------------------------------------------------


def _segments(segments: Sequence[Segment], when: str) -> Iterator[Transfer]:
    for segment in segments:
        if isinstance(segment, HostStep):
            yield from _host_step(segment, when)
        elif isinstance(segment, HostBranch):
            yield from _refusals(segment, when)
            yield Transfer(1, False, f"the condition of {segment.step.label}", when)
            for body in segment.bodies:
                yield from _segments(body, _join(when, f"where {segment.step.label} takes that branch"))
        elif isinstance(segment, HostLoop):
            yield from _host_loop(segment, when)


def _host_step(segment: HostStep, when: str) -> Iterator[Transfer]:
    count, places = len(segment.outputs), [place.buffer for place in segment.call.places]
    label = segment.step.label
    yield from _refusals(segment, when)
    for part, buffer in _pairs(segment.arguments, places[count:]):
        yield Transfer(part.size, False, f"{label}, which the host computes, reads {buffer.label}", when)
    for part, buffer in _pairs(segment.outputs, places[:count]):
        yield Transfer(part.size, True, f"{label}, which the host computes, writes {buffer.label}", when)


def _refusals(segment: HostStep | HostBranch | HostLoop, when: str) -> Iterator[Transfer]:
    """The host acts on nothing that a refused input has reached."""
    if segment.may_be_refused:
        yield Transfer(segment.flags.any.size, False, REFUSED, when)


def _pairs(parts: Iterable[RegionPart], buffers: Iterable[Buffer]) -> Iterator[tuple[RegionPart, Buffer]]:
    return zip(parts, buffers, strict=True)


def _host_loop(segment: HostLoop, when: str) -> Iterator[Transfer]:
    label, parts = segment.step.label, segment.parts
    each = _join(when, f"at each of at most {segment.call.length} steps of {label}")
    if parts.count is not None:
        yield from _refusals(segment, when)
        yield Transfer(parts.count.size, False, f"the number of steps of {label}", when)
    yield from _segments(segment.body, each)
    if parts.test is not None:
        yield from _refusals(segment, each)
        yield Transfer(parts.test.size, False, f"whether {label} goes on", each)
    if parts.taken is not None:
        yield Transfer(parts.taken.size, True, f"how many steps {label} took", when)


def _join(outer: str, inner: str) -> str:
    return f"{outer}, {inner}" if outer else inner

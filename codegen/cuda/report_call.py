"""What `doctor` says of a function for a device: where its steps run, what a call copies, and how to copy less."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...ops.callback import Callback
from ..explain import NOT_CALLED
from ..lowering.bind import Bound
from .driver.offline import OfflineDevice
from .driver.simulated import SimulatedDevice
from .kernels import ON_HOST
from .run.encode import Encoded, GraphEncoder
from .run.function import CUDAFunction
from .run.host_steps import host_steps
from .run.placement import host_segments, placement_lines
from .run.segments import HostBranch, HostLoop, HostStep, Segment
from .run.transfers import PLAIN, Transfer, transfers_of

_INDENT = "    "


def report_call(function: Any) -> Iterable[str]:
    """The steps, the transfers of a call, and what would mend them."""
    assert isinstance(function, CUDAFunction)
    yield f"on {function.device.name}, with code for {function.device.architecture}"
    if function._counts is not None:
        assert isinstance(function._counts, CUDAFunction)
        yield "sizes that are values are computed first, by a function that gets its arguments from the host:"
        yield from (_INDENT + line for line in _report(function._counts, is_read=True))
    yield from _report(function)


def _report(function: CUDAFunction, is_read: bool = False) -> Iterator[str]:
    """Of one function; `is_read`: whether the host looks at its results, and brings its arguments."""
    device, bounds = function.device, function.bounds()
    if not bounds:
        yield NOT_CALLED
        yield from (f"{step.label} at {step.node.site}: on the host" for step in host_steps(function.program))
        return
    encoded = GraphEncoder(bounds[-1], function.processor).encode()
    yield from _steps(bounds[-1], encoded)
    if isinstance(device, OfflineDevice):
        yield "it cannot be called: there is no device, but code that can be read"
        return
    transfers = transfers_of(function, bounds[-1], encoded, is_read)
    yield "transfers of a call:" if transfers else "transfers of a call: none"
    for transfer, count in Counter(transfers).items():
        yield f"{_INDENT}{f'{count} times ' if count > 1 else ''}{transfer}"
    if not is_read:  # else the function that needs the sizes says it
        yield from (f"to mend: {way}" for way in _ways(function, transfers, host_segments(encoded.segments)))


def _steps(bound: Bound, encoded: Encoded) -> Iterator[str]:
    sizes = ", ".join(f"{name} = {size}" for name, size in sorted(bound.sizes.items()))
    yield f"its steps{f', with {sizes}' if sizes else ''}:"
    yield from (_INDENT + line for line in placement_lines(bound.program, encoded.segments))


def _ways(function: CUDAFunction, transfers: Sequence[Transfer], by_host: Sequence[Segment]) -> Iterator[str]:
    """What would make transfers fewer."""
    if any(t.when == PLAIN for t in transfers):
        yield (
            "an argument in the device's memory (a wf.DeviceArray, or another library's array) is read where it is, if "
            "it is in C order and of the input's dtype."
        )
    yield from _ways_of_results(function, transfers)
    if any(buffer.storage.copy_at(function.device.name) is None for buffer in function.program.shared):
        yield "let all functions that share a variable run on one target, and set its value seldom."
    yield from dict.fromkeys(way for segment in by_host for way in _ways_of(segment))
    if isinstance(function.device, SimulatedDevice):
        yield 'this is a simulator: target="cuda" runs on a device, if there is one.'


def _ways_of_results(function: CUDAFunction, transfers: Sequence[Transfer]) -> Iterator[str]:
    stays = function.asked.options.stays
    if not stays and any(t.what.startswith("result ") for t in transfers):
        yield 'function(results="device") leaves the results where they are, and calls do not wait.'
    if stays and function.refused:
        yield 'nan="raise" and inf="raise" look at results on the host: compile without them what is to be fast.'
    if function.program.replaced:
        yield "variables whose sizes may change get new arrays by way of the host: give them sizes that are numbers."


def _ways_of(segment: Segment) -> Iterator[str]:
    node = segment.step.node
    place = f"{segment.step.label} at {node.site}"
    if isinstance(segment, HostLoop):
        yield f"{place}: a loop of a known and smaller number of steps, without an early end, runs on the device alone."
    elif isinstance(segment, HostBranch):
        yield f"{place}: wf.where computes both sides on the device, and waits for nothing."
    elif isinstance(segment, HostStep) and isinstance(node.op, Callback):
        yield f"{place} runs Python on the host, which waits for the device: write it with weft's operations."
    elif isinstance(segment, HostStep):
        kernel = f'@wf.kernel({type(node.op).__name__}, "cuda")'
        also = "" if isinstance(node.op, ON_HOST) else ", or an `expand` method in terms of other ops"
        yield f"{place} has no kernel on a device: give it one with {kernel}{also}; else call it seldom."

"""What a structured kernel is asked to do: plain data, made once per function and set of sizes, never per call."""

from typing import Any, NamedTuple

from ..lowering.bind import Array

__all__ = ["Array", "Launch", "Plan"]


class Launch(NamedTuple):
    """One kernel over `extent` work units.  `buffers` index the operands: outputs, then arguments, then scratch."""

    kernel: int  # address, from native.kernel_address
    buffers: tuple[int, ...]
    params: tuple[int, ...]
    extent: int
    cost: float  # rough nanoseconds on one core for all units: decides on how many threads it runs
    caller: Any = (
        None  # what says why it failed: of steps that run in Python (callback.py), of users' kernels (custom.py)
    )


class Plan(NamedTuple):
    """The launches, in order, that compute an op's outputs; `scratch` holds the bytes of each scratch buffer."""

    launches: tuple[Launch, ...]
    scratch: tuple[int, ...] = ()

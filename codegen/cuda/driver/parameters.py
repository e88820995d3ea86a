"""The parameters of a launch as bytes: each at a multiple of its size, where compiled kernels read it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ....symbolic.errors import VerifyError, sentence
from ..trace.kernel import Parameter, Pointer
from .device import Span


class PackedParameters(NamedTuple):
    """record : the values; addresses : of each of them"""

    record: np.ndarray
    addresses: Any

    @property
    def address(self) -> int:
        """Of the addresses: `kernelParams`."""
        return ctypes.addressof(self.addresses)


def parameter_layout(parameters: Sequence[Parameter]) -> np.dtype:
    """The structure of a kernel's parameters, in C's layout: addresses are uint64, bools are bytes."""
    fields = [(f"p{i}", np.uint64 if isinstance(p, Pointer) else p) for i, p in enumerate(parameters)]
    return np.dtype(fields, align=True)


def pack_parameters(
    kernel: str, parameters: Sequence[Parameter], layout: np.dtype, arguments: Sequence[Span | int | float]
) -> PackedParameters:
    """The values of a launch.  Raises VerifyError for others than the kernel takes."""
    if len(arguments) != len(parameters):
        raise VerifyError(f"{kernel} is launched with {len(arguments)} arguments; it has {len(parameters)} parameters.")
    values = [_value(kernel, p, a) for p, a in zip(parameters, arguments, strict=True)]
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite
            record = np.array(tuple(values), layout)
    except (OverflowError, TypeError, ValueError) as error:
        raise VerifyError(f"{kernel} is launched with what no such number can be: {sentence(error)}") from None
    offsets = [layout.fields[name][1] for name in layout.names] if layout.names and layout.fields else []
    base = record.ctypes.data
    return PackedParameters(record, (ctypes.c_void_p * max(1, len(offsets)))(*[base + offset for offset in offsets]))


def _value(kernel: str, parameter: Parameter, argument: Span | int | float) -> int | float:
    is_array = isinstance(argument, Span)
    if is_array != isinstance(parameter, Pointer):
        wanted, given = ("an array", "a number")[:: -1 if is_array else 1]
        raise VerifyError(f"{kernel} is launched with {given} where it takes {wanted}.")
    return argument.address if isinstance(argument, Span) else argument

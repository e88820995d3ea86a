"""What code is made for: not this processor, but all of its level.

Processors of x86 are of one of four levels (x86-64 psABI, "Micro-Architecture Levels"), each of which says which
instructions are there: vectors of 128 bits up to the second, of 256 with the third, of 512 with the fourth.  Code for a
level runs on all processors of it, so that it can be made before anybody knows on which (ahead.py), and kept in a
folder that several machines share; what it computes is the same bit for bit.  See docs/decisions/0021.
"""

from __future__ import annotations

import functools
import os
from typing import NamedTuple

import llvmlite.binding as llvm

from ....symbolic.errors import ArgumentError
from .compiling import under_lock


class ProcessorKind(NamedTuple):
    """A kind of processor, as LLVM names it, and the width of the vectors that kernels are made of."""

    cpu: str
    features: str
    vector_bytes: int

    def __str__(self) -> str:
        return f"{self.cpu}-{8 * self.vector_bytes}"


_SECOND = ("sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cx16")
_THIRD = (*_SECOND, "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
_FOURTH = (*_THIRD, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
# What LLVM takes such a processor for makes no loops of the widest vectors, as was right for the first that had them.
_LEVELS = (
    (ProcessorKind("x86-64-v4", "-prefer-256-bit", 64), _FOURTH),
    (ProcessorKind("x86-64-v3", "", 32), _THIRD),
    (ProcessorKind("x86-64-v2", "", 16), _SECOND),
    (ProcessorKind("x86-64", "", 16), ()),
)
_OTHERS = ProcessorKind("generic", "", 16)  # of other architectures: what all processors of one have
KINDS = {str(kind): kind for kind in (*(level for level, _ in _LEVELS), _OTHERS)}  # that code is made ahead for

_assumed: ProcessorKind | None = None


def assume(processor: ProcessorKind) -> None:
    """Make code for this processor, whatever runs here: before anything else is asked, in a process that calls none."""
    global _assumed
    _assumed = processor


@functools.cache
@under_lock
def host_triple() -> str:
    """LLVM's name for the kind of machine and its system."""
    return str(llvm.get_process_triple())


@functools.cache
@under_lock
def host_cpu() -> str:
    """LLVM's name for this processor."""
    return str(llvm.get_host_cpu_name())


@functools.cache
def processor() -> ProcessorKind:
    """The highest level that this processor has, with vectors as wide as it has them.

    One that has wider vectors than its level, because it lacks another instruction, stands for itself alone.
    WEFT_VECTOR_BITS asks for narrower vectors, of 128 or 256 bits.  Raises ArgumentError for another number.
    """
    if _assumed is not None:
        return _assumed
    wanted = os.environ.get("WEFT_VECTOR_BITS", "512")
    if wanted not in ("128", "256", "512"):
        raise ArgumentError(f"WEFT_VECTOR_BITS is {wanted!r}: it must be 128, 256 or 512, or not be set.")
    return _host_kind(int(wanted) // 8)


@under_lock
def _host_kind(most: int) -> ProcessorKind:
    """The kind of this processor, with vectors of so many bytes at most."""
    if not host_triple().startswith("x86_64"):
        return _OTHERS
    features = llvm.get_host_cpu_features()
    width = min(most, 64 if features.get("avx512f") else 32 if features.get("avx2") else 16)
    allowed = (level for level, needed in _LEVELS if all(features.get(name) for name in needed))
    level = next(level for level in allowed if level.vector_bytes <= max(width, 32))
    if level.vector_bytes >= width:
        return level._replace(vector_bytes=width)
    if width < 64:
        features.update({name: False for name in features if name.startswith(("avx512", "avx10", "evex512"))})
    return ProcessorKind(host_cpu(), str(features.flatten()), width)


def features() -> tuple[str, ...]:
    """The instructions that code for this kind of processor may use, beyond those that all have, as LLVM names them."""
    kind = processor()
    of_level = next((needed for level, needed in _LEVELS if level.cpu == kind.cpu), None)
    listed = kind.features.split(",")
    return tuple(name[1:] for name in listed if name.startswith("+")) if of_level is None else of_level


def vector_bytes() -> int:
    """The width of the vectors in kernels, in bytes: 64, 32 or 16."""
    return processor().vector_bytes

"""Kernels that write to variables: they do nothing where a step before has refused its input."""

from __future__ import annotations

from typing import Any

import numpy as np

from .builder import INT32, INT64, KernelBuilder
from .kernel import Pointer, TracedKernel, TraceRef

COPY_THREADS = 256
_BYTE = np.dtype(np.uint8)


def make_conditional(inner: TraceRef) -> TracedKernel:
    """The kernel, with the flags of refusing steps behind its parameters: it runs if the first of them is 0."""
    kernel = inner.trace()

    def body(k: KernelBuilder, *given: Any) -> None:
        *parameters, flags = given
        with k.when(flags[0].eq(0)):
            kernel.body(k, *parameters)

    return kernel._replace(parameters=(*kernel.parameters, Pointer(INT32)), body=body)


def make_copy() -> TracedKernel:
    """Bytes from one place to another, one a thread."""

    def body(k: KernelBuilder, target: Any, source: Any, count: Any) -> None:
        place = k.cast(k.block[0], INT64) * k.threads + k.cast(k.thread, INT64)
        with k.when(place < count):
            target[place] = source[place]

    return TracedKernel("copy_bytes", (Pointer(_BYTE), Pointer(_BYTE), INT64), COPY_THREADS, body)

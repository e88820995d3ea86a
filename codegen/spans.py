"""How long the parts of compiling take, for whoever asks: `with record_spans() as spans: ...`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple


class SpanTime(NamedTuple):
    """One stretch of work: its seconds, without those of the spans within it, and how many things it worked on."""

    name: str
    seconds: float
    items: int


_listening: list[list[SpanTime]] = []


class _Inner(threading.local):
    """Seconds that were spent in spans within the one that runs on this thread."""

    seconds = 0.0


_inner = _Inner()


@contextmanager
def record_spans() -> Iterator[list[SpanTime]]:
    """A list that gets the spans of all threads as they end."""
    spans: list[SpanTime] = []
    _listening.append(spans)
    try:
        yield spans
    finally:
        _listening[:] = [other for other in _listening if other is not spans]


@contextmanager
def span(name: str, items: int = 1) -> Iterator[None]:
    """What runs under this name; it is timed while somebody records."""
    if not _listening:
        yield
        return
    outer, _inner.seconds = _inner.seconds, 0.0
    begun = perf_counter()
    try:
        yield
    finally:
        spent = perf_counter() - begun
        done = SpanTime(name, spent - _inner.seconds, items)
        _inner.seconds = outer + spent
        for spans in _listening:
            spans.append(done)

"""Time per step: `f.profile(...)`."""

from __future__ import annotations

import time
from typing import Any, NamedTuple, Protocol

from ..symbolic.errors import Site
from ..symbolic.graph import Graph


class Profiled(Protocol):
    """A function that can time its steps."""

    graph: Graph

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The results."""

    def step_times(self, args: tuple[Any, ...], repeat: int) -> list[StepTime]:
        """The median time of each step of a call, which ran before."""


class StepTime(NamedTuple):
    """One step of a profile."""

    what: str
    seconds: float
    share: float
    bytes: int
    threads: int
    site: Site


class Profile(NamedTuple):
    """Rows in the order of the program; printed as a table, the dearest first."""

    rows: tuple[StepTime, ...]
    call: float

    def __str__(self) -> str:
        total = sum(r.seconds for r in self.rows)
        lines = [f"one call {self.call * 1e6:.1f} us, its steps {total * 1e6:.1f} us"]
        lines.append(f"{'time':>10} {'share':>6} {'GB/s':>7} {'threads':>7}  step")
        for r in sorted(self.rows, key=lambda r: -r.seconds):
            rate = r.bytes / r.seconds / 1e9 if r.seconds else 0.0
            figures = f"{r.seconds * 1e6:8.1f}us {r.share:6.1%} {rate:7.1f} {r.threads:7}"
            lines.append(f"{figures}  {r.what[:60]}   {r.site}  {r.site.text}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def profile(function: Profiled, args: tuple[Any, ...], repeat: int) -> Profile:
    """Median times of every step, each run `repeat` times on its own; shared variables keep their values."""
    saved = [(s, s.get_value()) for s, _ in function.graph.updates]
    try:
        function(*args)
        rows = function.step_times(args, repeat)
        begun = time.perf_counter()
        for _ in range(repeat):
            function(*args)
        call = (time.perf_counter() - begun) / repeat
    finally:
        for shared, value in saved:
            shared.set_value(value)
    return Profile(tuple(rows), call)

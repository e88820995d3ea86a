"""Numbers of devices, which decide how far fusion pays.

They are not measured yet, but reckoned from what launches and memory cost; they change speed, and no result's meaning.
"""

from __future__ import annotations

from ..target import FusionLimits

# A nest reads and writes memory faster than it computes what is not trivial; launches take about a microsecond.
FUSION = FusionLimits(buffers=24, recomputed=64, expensive=8, chunks=128, few_results=128, few_columns=32, long=1 << 14)
UNROLLED = 4096  # nodes of a graph that a loop of a known length may become

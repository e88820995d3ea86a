"""The machine in numbers: what decides how far fusion goes, and on how many threads a step runs.

Measured on two cores of an AMD EPYC (Zen 3) and checked on others, 2026-11; see docs/performance.md.
"""

from ..target import FusionLimits

FUSION = FusionLimits(
    buffers=24,
    recomputed=64,
    expensive=8,
    chunks=32,
    few_results=16,
    few_columns=256,
    long=1 << 15,
)

GRAIN_NS = 10_000.0  # of work, below which a thread more is not worth waking

"""The machine in numbers: what it has, and what things take on it.

The figures are rough, and serve to choose and to cut; they were measured by the 21st of November 2026 on one core of a
Xeon with AVX-512 (decision 7), `COMMON` on the 27th on one of an EPYC with AVX2.  An estimate in cycles chooses between
ways that may add in different orders, and so decides on bits: it may depend on sizes and on the width of vectors (a
*kind* of processor), never on a cache or on the number of cores.  Nanoseconds decide on how many threads something
runs.  See docs/decisions/0007-kernels-as-measured.md.
"""

import functools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..target import FusionLimits

# ---- what it has ----------------------------------------------------------------------------------------------------

FIRST_LEVEL_BYTES = 32 * 1024  # of any processor of the last fifteen years, at least
LINE_BYTES = 64  # of a cache line
ALIAS_BYTES = 4096  # addresses so far apart compete for the same places of the first-level cache ...
WAYS = 8  # ... of which there are so many


class Host(NamedTuple):
    """What cuts the work into units."""

    second_level_bytes: int
    cores: int


COMMON = Host(1 << 20, 4)  # what the order of sums is chosen for, on every machine


@functools.cache
def host() -> Host:
    """This machine."""
    return Host(_second_level_bytes(), os.cpu_count() or 1)


def _second_level_bytes() -> int:
    """The bytes of the second-level cache, as Linux reports them; 1 MiB where nobody does."""
    try:
        size = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(size.removesuffix("K")) * 1024 if size.endswith("K") else int(size)
    except (OSError, ValueError):
        return 1 << 20


def vector_bytes() -> int:
    """The width of the vectors in kernels, in bytes: 64, 32 or 16."""
    from .run.processor import vector_bytes

    return vector_bytes()


def width(dtype: str) -> int:
    """How many elements fill the widest vector."""
    return vector_bytes() // np.dtype(dtype).itemsize


def registers() -> int:
    """How many vector registers there are."""
    from .run.processor import host_triple

    x86 = host_triple().startswith(("x86", "i686"))
    return 16 if x86 and vector_bytes() < 64 else 32


# ---- how far fusion pays --------------------------------------------------------------------------------------------

FUSION = FusionLimits(
    buffers=24,
    recomputed=64,
    expensive=8,
    chunks=32,
    few_results=16,
    few_columns=256,
    long=1 << 15,
)

# ---- nanoseconds on one core ----------------------------------------------------------------------------------------

GRAIN_NS = 10_000.0  # of work, below which a thread more is not worth waking
UNKNOWN_NS = 1e4  # of a user's code: nobody knows; it is one unit of work, on the calling thread

COPY_BYTE_NS = 0.2  # of a strided copy
PACK_ELEMENT_NS = 0.5  # of writing an element of a panel

MATMUL_MULTIPLY_NS = 0.01  # of one multiplication and addition in a tile
MATMUL_BYTE_NS = 0.03  # of reading an operand
MATMUL_DOT_NS = 0.1  # of one multiplication and addition in a product of few rows, which memory holds up
MATMUL_PLAIN_NS = 0.5  # of one multiplication of integers

CONV_MULTIPLY_NS = 0.015
CONV_DOT_NS = 0.02  # of one multiplication in a dot product
CONV_PAD_NS = 0.3  # of writing one element of a padded x
CONV_LAST_NS = 0.4  # of one element whose channels come last
CONV_ADD_NS = 0.3  # of one element of a chunk's sums
CONV_ZERO_NS = 0.3  # of one element of out

POOL_VECTOR_NS = 0.15  # of one position of a window, many windows at a time
POOL_GENERAL_NS = 1.5  # of one position, window by window
POOL_BYTE_NS = 0.1  # of what is read and written

INDEX_CHECK_NS = 1.0  # of one index
INDEX_PICK_NS = 1.5  # of one element of a vector
INDEX_ROW_NS = 2.0  # of finding a row
INDEX_ELEMENT_NS = 0.5  # of an element of it
INDEX_SCATTER_NS = 1.5
CUMSUM_NS = 1.0
SORT_NS = 4.0  # of an element, in each round of merging

NEST_NS = 0.05  # of one index of a loop nest, and besides:
ACCESS_NS = 0.06  # of a load or store
CHEAP_NS = 0.03  # of an addition and its like
EXPENSIVE_NS = 0.4  # of an exponential and its like

# ---- cycles of one core: these choose a convolution's way -----------------------------------------------------------

# Of tiles, by vectors in a row.  Of strided A, nine rows of three vectors keep every row's address in a register,
# fourteen of two do not; of packed A, fourteen rows take twice the bytes in float64.
PACKED_TILE = {"float32": {2: 1.0, 3: 1.02, 1: 1.3}, "float64": {3: 1.0, 2: 1.02, 1: 1.3}}
STRIDED_TILE = {3: 1.0, 4: 1.0, 2: 1.07, 1: 1.3}
OTHER_TILE = 1.1
TILE_CYCLES = 40  # of calling a tile
LATENCY = 8  # arithmetic on so many accumulators hides how long one takes

IMAGES_TRANSPOSE_CYCLES = 1.0  # of an element, to vectors of images or back
CHANNELS_TRANSPOSE_CYCLES = 0.5  # of an element of out
LAST_MOVE_CYCLES = 1.5  # of an element of x
PIXELS_STORE_CYCLES = 0.15  # of an element of out
PIXELS_SPLIT = 1.1  # vectors that begin anywhere lie in two cache lines
SEGMENT_STEPS = 0.5  # of the contraction, that the start of a segment takes as long as
DOT_VECTOR = 1.8  # times as long as arithmetic alone, of a vector of the contraction
DOT_RESULT_CYCLES = 10.0  # of adding up the lanes of one result
OWN_PADDING = 0.2  # the part of a padded copy's time that it takes to pad on the stack

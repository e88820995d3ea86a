"""out[..., m, n] = sum over k of a[..., m, k] b[..., k, n]: which operands are packed, how the work is cut, and the loops.

A plan has up to three launches, all of them over independent units:

    pack a    into panels [row tile][k][rows]     left out where a's rows are few or already lie so
    pack b    into panels [column tile][k][lanes]  left out where b's columns are contiguous and a has few rows
    multiply  unit = batch item x block of row tiles x block of column tiles; inside, k is cut so that what the tiles
              read again stays in the caches

The tile function (tile.py) does the arithmetic; edges are its masks.  Other dtypes than float32 and float64 go
through plain loops.
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from . import pack, tile
from .intrinsics import address_of, call, pointer, stack
from .launch import Array, Launch, Plan
from .native import kernel_address

K_BLOCK = 384  # of the contraction: a row tile and a column tile of that depth fit into the first caches
A_BLOCK = 64 * 1024  # elements of packed a that a unit goes through again and again: half of a second-level cache
SMALL = 32 * 32 * 32  # multiplications, below which a unit is not worth cutting
NANOSECONDS = 0.01  # per multiplication and addition


class Operand(NamedTuple):
    """One matrix as the tile reads it: steps in elements from tile to tile and from k to k+1, and per batch axis."""

    buffer: int
    tile_step: int
    k_step: int
    batch: tuple[int, ...]


def plan_matmul(out: Array, a: Array, b: Array) -> Plan:
    """The launches for out = a @ b.

    Parameters
    ----------
    out : Array
        (..., m, n), contiguous.
    a, b : Array
        (..., m, k) and (..., k, n) of the same dtype, with any strides; the leading sizes are out's (stride 0 where
        an operand is repeated).  k may be 0: the sums are then 0.
    """
    if 0 in out.shape:
        return Plan(())
    if out.dtype.name not in ("float32", "float64"):
        return _plain(out, a, b)
    ...

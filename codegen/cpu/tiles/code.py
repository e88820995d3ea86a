"""The functions that llvmlite makes, as plans name them: nothing is made or imported before it is asked for."""

from ..launch import CodeRef
from .shapes import TileShape

UNROLLED = 12  # the longest run that is written out: the kernels of most convolutions


def tile(shape: TileShape, rows: int, packed: bool, run: int = 0, fetches: bool = False) -> CodeRef:
    """C (+)= A B for tiles of exactly `rows` rows (tile.py); a short `run`, if it is known, is written out."""
    return CodeRef("tiles.tile", "emit_tile", (shape, rows, packed, run if run <= UNROLLED else 0, fetches))


def dot(dtype: str, rows: int, columns: int) -> CodeRef:
    """Dot products of rows x columns stretches (dot.py)."""
    return CodeRef("tiles.dot", "emit_dot", (dtype, rows, columns))


def move(dtype: str) -> CodeRef:
    """A strided matrix to another place (move.py)."""
    return CodeRef("tiles.move", "emit_move", (dtype,))

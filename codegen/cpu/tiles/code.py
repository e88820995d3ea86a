"""The functions that llvmlite makes, as plans name them: nothing is made or imported before it is asked for."""

from ..launch import CodeRef
from .shapes import TileShape


def tile(shape: TileShape, rows: int, packed: bool, run: int = 0, fetches: bool = False) -> CodeRef:
    """C (+)= A B for tiles of exactly `rows` rows (tile.py)."""
    return CodeRef("tiles.tile", "emit_tile", (shape, rows, packed, run, fetches))


def dot(dtype: str, rows: int, columns: int) -> CodeRef:
    """Dot products of rows x columns stretches (dot.py)."""
    return CodeRef("tiles.dot", "emit_dot", (dtype, rows, columns))


def move(dtype: str) -> CodeRef:
    """A strided matrix to another place (move.py)."""
    return CodeRef("tiles.move", "emit_move", (dtype,))

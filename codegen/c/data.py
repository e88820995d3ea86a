"""The constant bytes of an exported file: tables, constants, values of variables."""

from __future__ import annotations

from ..lowering.memory import ALIGNMENT_BYTES


class Data:
    """Bytes one behind the other, each piece at a multiple of 64; equal pieces stand once."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self._places: dict[bytes, int] = {}

    def add(self, piece: bytes) -> int:
        """Where a piece begins."""
        found = self._places.get(piece)
        if found is None:
            found = self._places[piece] = self.size
            padding = -len(piece) % ALIGNMENT_BYTES
            self.pieces += [piece, bytes(padding)]
            self.size += len(piece) + padding
        return found

    @property
    def content(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)

"""The object code that is shipped with weft: a folder for each kind of processor, a file for each function.

The build makes them (build.py); a checkout need not have them.  A name is a key (run/made.py), which has the digest of
the sources: code of other sources than those that run is never found.
"""

from __future__ import annotations

from pathlib import Path

HOME = Path(__file__).with_name("objects")


def find_object(processor: str, key: str) -> bytes | None:
    """The object code of a key for a kind of processor; None where none was made."""
    try:
        return file_of(processor, key).read_bytes()
    except OSError:  # nothing was built, or weft is read from an archive
        return None


def file_of(processor: str, key: str, home: Path = HOME) -> Path:
    """Where the object code of a key is."""
    return home / processor / f"{key}.o"

"""What keeps the folder of compiled code small: stale temporary files and, beyond the limit, the oldest entries go.

Nobody looks through the folder with every store.  Two files in it say when it is time:

    tidied    empty; its time is that of the last look.  A process asks once an hour, and looks if it is older than that
    stored    a byte for every 4 KiB stored since.  Where that is an eighth of the limit, whoever wrote it looks at once

A look leaves seven eighths of the limit, so the folder never holds more than the limit but for what is being written.
"""

from __future__ import annotations

import contextlib
import re
import stat
import time
from typing import NamedTuple

from .private_folder import PrivateFolder

HOUR_SECONDS = 3600.0
_UNIT_BYTES = 4096
_TIDIED, _STORED = "tidied", "stored"
_PART, _ENTRY = re.compile("[0-9a-f]{2}"), re.compile("[0-9a-f]{40}")

_asked: dict[str, float] = {}  # folder: when this process last asked


class CacheEntry(NamedTuple):
    """An entry; they sort by their last use."""

    used: float
    size: int
    part: str  # the folder it lies in
    name: str


def room(most: int) -> int:
    """How many bytes a look leaves."""
    return most - most // 8


def tidy_hourly(top: PrivateFolder, most: int) -> None:
    """Look through the folder if nobody has for an hour."""
    now = time.monotonic()
    if now - _asked.get(top.path, -HOUR_SECONDS) < HOUR_SECONDS:
        return
    _asked[top.path] = now
    with contextlib.suppress(OSError):
        try:
            last = top.status(_TIDIED)
        except FileNotFoundError:
            last = None
        if last is None or not stat.S_ISREG(last.st_mode) or abs(time.time() - last.st_mtime) >= HOUR_SECONDS:
            tidy(top, most)


def note(top: PrivateFolder, size: int, most: int) -> None:
    """Count what was stored, and look through the folder if it is much."""
    try:
        stored = _UNIT_BYTES * top.append(_STORED, b"." * -(-size // _UNIT_BYTES))
    except OSError:
        stored = most  # nobody can count: look
    if stored > most // 8:
        tidy(top, most)


def tidy(top: PrivateFolder, most: int) -> int:
    """Remove stale temporary files, and the oldest entries until the room is kept; how many entries."""
    top.write(_TIDIED, b"")  # first: whoever comes meanwhile need not look, too
    top.write(_STORED, b"")
    sweep(top, HOUR_SECONDS)
    return prune(top, room(most))


def sweep(top: PrivateFolder, age: float) -> None:
    """Remove what is temporary and not younger than so many seconds."""
    for place in _parts(top):
        with contextlib.suppress(OSError), top.folder(place) if place else contextlib.nullcontext(top) as part:
            for name, status in part.scan():
                if "tmp" in name and abs(time.time() - status.st_mtime) >= age:
                    part.remove(name)


def prune(top: PrivateFolder, most: int) -> int:
    """Remove the entries that were used longest ago, until the others have so many bytes; how many."""
    found = sorted(entries(top))
    size, removed = sum(entry.size for entry in found), 0
    for entry in found:
        if size <= most:
            break
        with contextlib.suppress(OSError), top.folder(entry.part) as part:
            if part.remove(entry.name):
                size -= entry.size
                removed += 1
    return removed


def clear(top: PrivateFolder) -> int:
    """Remove all entries and whatever else is ours; how many entries."""
    sweep(top, 0)
    removed = prune(top, -1)
    for name in (_TIDIED, _STORED):
        top.remove(name)
    return removed


def entries(top: PrivateFolder) -> list[CacheEntry]:
    """All entries, in folders that only this user may write."""
    found = []
    for place in _parts(top)[1:]:
        with contextlib.suppress(OSError), top.folder(place) as part:
            for name, status in part.scan():
                if _ENTRY.fullmatch(name) and stat.S_ISREG(status.st_mode):
                    found.append(CacheEntry(status.st_mtime, status.st_size, place, name))
    return found


def _parts(top: PrivateFolder) -> list[str]:
    """The folders of entries, after "" for the one they lie in."""
    return ["", *(n for n, status in top.scan() if _PART.fullmatch(n) and stat.S_ISDIR(status.st_mode))]

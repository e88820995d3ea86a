"""The content-addressed cache on disk: the key says everything an entry depends on, so an entry is never stale.

The folder is `WEFT_CACHE_DIR`, else `weft` in the user's cache folder.  Whatever is wrong there costs compile time, and
nothing else: a folder that cannot be written, an entry that is damaged, a disk that is full.

An entry is a header and its content:

    8 bytes    _MAGIC, which names the form
    8 bytes    the content's length, low byte first
    32 bytes   BLAKE2b of _MAGIC, the key and the content
    ...        the content

What does not agree with its header is compiled anew and replaced.  A digest is no signature: whoever can write an entry
can write its digest, so only what belongs to this user, and to nobody else, is read (private_folder.py).  Entries are
written to a temporary file and renamed, so that processes share the folder without locks; what killed ones leave, and
what is beyond the limit, is removed now and then (upkeep.py).
"""

import hashlib
import os
import time
import warnings
from pathlib import Path
from typing import IO

from ..symbolic.errors import ArgumentError, user_site
from . import upkeep
from .private_folder import PrivateFolder, Untrusted, make_folders

_MAGIC = b"weft 1\r\n"  # a copy that took the file for text would show
_DIGEST_BYTES = 32
_HEADER_BYTES = len(_MAGIC) + 8 + _DIGEST_BYTES
_LIMIT_BYTES = 1 << 30
_DAY_SECONDS = 86400.0  # how exactly the last use of an entry is known

_warned = False


def folder() -> Path | None:
    """Where entries are kept: $WEFT_CACHE_DIR, or `weft` in the user's cache folder; None where there is neither."""
    chosen = os.environ.get("WEFT_CACHE_DIR")
    if chosen:
        return Path(chosen)
    try:
        import platformdirs

        found = Path(platformdirs.user_cache_dir("weft"))
    except Exception:  # a user without a name or a home is nobody's mistake
        return None
    return found if found.is_absolute() else None


def limit() -> int:
    """How many bytes the folder may hold: 1 GiB, or $WEFT_CACHE_BYTES; 0 keeps nothing.

    Raises ArgumentError for what is not a whole number.
    """
    text = os.environ.get("WEFT_CACHE_BYTES", str(_LIMIT_BYTES))
    if not (text.isascii() and text.isdecimal()):
        raise ArgumentError(
            f"WEFT_CACHE_BYTES is {text!r}: it must be a whole number of bytes, 0 or more, or not be set."
        )
    return int(text)


def key(*parts: object) -> str:
    """A digest of the parts' text."""
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def load(name: str) -> bytes | None:
    """The entry of a key, or None if there is none that can be trusted."""
    place, most = folder(), limit()
    if place is None:
        return None
    with _FaultFilter(), PrivateFolder(str(place)) as top:
        upkeep.tidy_hourly(top, most)
        with top.folder(name[:2]) as part, part.open_file(name) as (file, status):
            content = _content(name, file, status.st_size)
            if content is not None and abs(time.time() - status.st_mtime) > _DAY_SECONDS:
                part.touch(file, name)
            return content
    return None


def store(name: str, data: bytes) -> None:
    """Keep the entry of a key, whole or not at all."""
    place, most = folder(), limit()
    if place is None or _HEADER_BYTES + len(data) > upkeep.room(most):
        return
    with _FaultFilter():
        make_folders(place)
        with PrivateFolder(str(place)) as top:
            upkeep.tidy_hourly(top, most)
            with top.make_folder(name[:2]) as part:
                part.write(name, _header(name, data) + data)
            upkeep.note(top, _HEADER_BYTES + len(data), most)


def _header(name: str, data: bytes) -> bytes:
    digest = hashlib.blake2b(_MAGIC, digest_size=_DIGEST_BYTES)
    digest.update(name.encode() + b"\0")
    digest.update(data)
    return _MAGIC + len(data).to_bytes(8, "little") + digest.digest()


def _content(name: str, file: IO[bytes], size: int) -> bytes | None:
    """What follows the header, if it is what the header says; nothing is read of what has another length."""
    header = file.read(_HEADER_BYTES)
    length = int.from_bytes(header[len(_MAGIC) : -_DIGEST_BYTES], "little")
    if len(header) != _HEADER_BYTES or length != size - _HEADER_BYTES:
        return None
    data = file.read(length)
    return data if _header(name, data) == header else None


class _FaultFilter:
    """Lets a fault of the folder pass; but says, once, that somebody else may write it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if isinstance(error, Untrusted):
            _warn(str(error))
        return isinstance(error, OSError)


def distrust(path: str) -> str:
    """The sentence about a folder or a file that is not used."""
    return (
        f"{path} belongs to another user, or others may write it: compiled code that is kept there is not run. "
        "If it is yours, take their right to write (chmod go-w) or remove it; else set WEFT_CACHE_DIR to a folder that "
        "only you may write."
    )


def _warn(path: str) -> None:
    global _warned
    if _warned:
        return
    _warned = True
    site = user_site()
    warnings.warn_explicit(distrust(path), RuntimeWarning, site.path or __file__, site.line if site.path else 1)

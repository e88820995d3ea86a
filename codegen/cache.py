"""The content-addressed cache on disk: the key says everything an entry depends on, so an entry is never stale.

Entries are written to a temporary file and renamed, so that processes may share the folder without locks.  The folder
is `WEFT_CACHE_DIR`, else the user's cache folder; a folder that cannot be written only costs compile time.
"""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path


def folder() -> Path:
    """Where entries are kept: $WEFT_CACHE_DIR, or `weft` in the user's cache folder."""
    chosen = os.environ.get("WEFT_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("weft"))


def key(*parts: object) -> str:
    """A digest of the parts' text."""
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def load(name: str) -> bytes | None:
    """The entry, or None."""
    try:
        return (folder() / name[:2] / name).read_bytes()
    except OSError:
        return None


def store(name: str, data: bytes) -> None:
    """Write the entry whole or not at all."""
    place = folder() / name[:2]
    with contextlib.suppress(OSError):
        place.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, place / name)

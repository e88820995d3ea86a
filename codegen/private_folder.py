"""Files that nobody but this user can have written: a folder, opened, and what lies in it by name.

A folder that another user owns, or that its group or others may write, is not opened (`Untrusted`), and neither is such
a file: who may write code that we run is us.  Everything goes through descriptors, so that what was checked is what is
read, whoever renames things meanwhile; no link is followed and nothing is waited for, be it a FIFO or a device.

Where the system knows no owners, or opens no folders (Windows), paths stand in for descriptors, and the folder's own
rights are all there is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_DESCRIPTORS = {os.open, os.mkdir, os.rename, os.unlink, os.stat} <= os.supports_dir_fd and hasattr(os, "geteuid")
_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = _ALWAYS | getattr(os, "O_DIRECTORY", 0)
_FILE = _ALWAYS | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


class Untrusted(OSError):
    """Somebody else may have written it; its text is the path."""


def _check(status: os.stat_result, path: str) -> None:
    if _DESCRIPTORS and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
        raise Untrusted(path)


def make_folders(path: Path) -> None:
    """Make a folder, and those above it, for this user alone, whatever the umask says."""
    try:
        path.mkdir(mode=0o700)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_folders(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        pass


class PrivateFolder:
    """An open folder; use it in a `with`.

    Raises Untrusted, and other OSErrors as they come.  The path itself may be a link: whoever may place one there may
    also set WEFT_CACHE_DIR, and what it leads to is checked.
    """

    def __init__(self, path: str, within: PrivateFolder | None = None):
        self.path: str = path if within is None else os.path.join(within.path, path)
        self._fd: int | None = None
        if _DESCRIPTORS:
            self._fd = self._open_folder(path, within)
        elif not stat.S_ISDIR(os.stat(self.path, follow_symlinks=within is None).st_mode):
            raise NotADirectoryError(self.path)

    def _open_folder(self, path: str, within: PrivateFolder | None) -> int:
        if within is None:
            descriptor = os.open(path, _FOLDER)
        else:
            descriptor = os.open(path, _FOLDER | os.O_NOFOLLOW, dir_fd=within._fd)
        try:
            _check(os.fstat(descriptor), self.path)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(self, *error: object) -> None:
        if self._fd is not None:
            os.close(self._fd)

    def _at(self, name: str) -> str:
        return name if self._fd is not None else os.path.join(self.path, name)

    def _open(self, name: str, flags: int) -> int:
        return os.open(self._at(name), _FILE | flags, 0o600, dir_fd=self._fd)

    # ---- folders --------------------------------------------------------------------------------------------------

    def folder(self, name: str) -> PrivateFolder:
        """A folder in this one."""
        return PrivateFolder(name, self)

    def make_folder(self, name: str) -> PrivateFolder:
        """A folder in this one, made anew where there is none or something else stands in its place.

        One of ours that others may write is mended: what they have put into it is theirs, and not opened.
        """
        for _ in range(2):
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._at(name), 0o700, dir_fd=self._fd)
            try:
                return self.folder(name)
            except Untrusted:
                if not self._mend(name):
                    self.set_aside(name)
            except OSError:
                status = self.status(name)
                if stat.S_ISDIR(status.st_mode) and not (_DESCRIPTORS and status.st_uid != os.geteuid()):
                    raise
                self.set_aside(name)
        return self.folder(name)

    def _mend(self, name: str) -> bool:
        """Take the right to write from others, if the folder is ours."""
        descriptor = os.open(self._at(name), _FOLDER | os.O_NOFOLLOW, dir_fd=self._fd)
        try:
            ours = os.fstat(descriptor).st_uid == os.geteuid()
            if ours:
                os.fchmod(descriptor, 0o700)
        finally:
            os.close(descriptor)
        return ours

    # ---- files ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def open_file(self, name: str) -> Iterator[tuple[IO[bytes], os.stat_result]]:
        """A regular file, and what is known about it."""
        with os.fdopen(self._open(name, os.O_RDONLY), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(f"{name} is no file")
            _check(status, os.path.join(self.path, name))
            yield file, status

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all: under a name with `tmp` in it, which is then changed."""
        temporary = f"{name}.tmp-{os.urandom(4).hex()}"
        descriptor = self._open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            self._rename_over(temporary, name)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(self._at(temporary), dir_fd=self._fd)
            raise

    def _rename_over(self, temporary: str, name: str) -> None:
        try:
            os.replace(self._at(temporary), self._at(name), src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except IsADirectoryError:
            self.set_aside(name)
            os.replace(self._at(temporary), self._at(name), src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def append(self, name: str, data: bytes) -> int:
        """Write at a file's end; how long it is then."""
        with os.fdopen(self._open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "wb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(f"{name} is no file")
            file.write(data)
            file.flush()
            return os.fstat(file.fileno()).st_size

    def touch(self, file: IO[bytes], name: str) -> None:
        """Note that an open file was of use just now."""
        with contextlib.suppress(OSError):
            os.utime(file.fileno() if os.utime in os.supports_fd else self._at(name))

    # ---- whatever lies there --------------------------------------------------------------------------------------

    def status(self, name: str) -> os.stat_result:
        """What is known about what has this name."""
        return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)

    def scan(self) -> list[tuple[str, os.stat_result]]:
        """All names with what is known about them; what vanishes meanwhile is left out."""
        found = []
        with os.scandir(self.path if self._fd is None else self._fd) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    found.append((entry.name, entry.stat(follow_symlinks=False)))
        return found

    def set_aside(self, name: str) -> None:
        """Give what stands in the way a name with `tmp` in it."""
        aside = self._at(f"{name}.tmp-{os.urandom(4).hex()}")
        os.rename(self._at(name), aside, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def remove(self, name: str) -> bool:
        """Remove what has this name; whether it is gone."""
        try:
            if stat.S_ISDIR(self.status(name).st_mode):
                shutil.rmtree(self._at(name), dir_fd=self._fd)
            else:
                os.unlink(self._at(name), dir_fd=self._fd)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

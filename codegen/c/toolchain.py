"""The system's C compiler and binutils, which put an exported file together."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ...symbolic.errors import LoweringError, blame, listing, user_site

COMPILERS = ("cc", "gcc", "clang")
LIBRARIES = ("-lm", "-lpthread")
_UNDEFINED = re.compile(r"undefined reference to [`'](.+?)'")
_FLAGS = ("-std=c99", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror")


class Toolchain:
    """Runs the tools in a folder.  Raises LoweringError where one is missing, or says that something is wrong."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.compiler = _find_compiler()
        self.objcopy = _find("objcopy", "what hides the symbols of an exported file; it comes with binutils")

    def compile(self, source: str, to: str) -> None:
        """A file of C as an object file."""
        self._run([*self.compiler, *_FLAGS, "-c", source, "-o", to])

    def merge(self, objects: Sequence[str], to: str, names: Sequence[str]) -> None:
        """Several object files as one, of which others see these names alone."""
        self._run([*self.compiler, "-r", "-nostdlib", *objects, "-o", to])
        self._run([self.objcopy, *(f"--keep-global-symbol={name}" for name in names), to])

    def link(self, object_file: str, to: str) -> None:
        """An object file as a library that programs load.  Raises LoweringError where it calls what is not there."""
        command = [*self.compiler, "-shared", "-Wl,--no-undefined", object_file, *LIBRARIES, "-o", to]
        done = self._try(command)
        missing = sorted(set(_UNDEFINED.findall(done.stderr))) if done.returncode else []
        if missing:
            text = f"export: a kernel calls what only Python's process has: {listing(missing)}."
            hint = "kernels of one's own make no arrays, and call nothing of Python's."
            raise blame(LoweringError(text), user_site(), hint=hint)
        _check(command, done)

    def _run(self, command: list[str]) -> None:
        _check(command, self._try(command))

    def _try(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        language = {**os.environ, "LC_ALL": "C"}  # what tools say is read
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, errors="replace", env=language)


def _check(command: list[str], done: subprocess.CompletedProcess[str]) -> None:
    """Raise LoweringError where a tool has failed."""
    if done.returncode:
        said = done.stderr.strip() or f"it ended with status {done.returncode}"
        text = f"export: {Path(command[0]).name} did not take what weft gave it: {said}"
        raise blame(LoweringError(text), user_site())


def _find_compiler() -> list[str]:
    """The command that $CC names, or the first compiler that there is."""
    asked = shlex.split(os.environ.get("CC", ""))
    if asked:
        return [_find(asked[0], "the C compiler that the variable CC names"), *asked[1:]]
    found = next(filter(None, map(shutil.which, COMPILERS)), None)
    if found is None:
        text = f"export: there is no C compiler here: none of {', '.join(COMPILERS)} is in PATH."
        raise blame(LoweringError(text), user_site(), hint="install one (gcc and binutils), or set CC.")
    return [found]


def _find(name: str, what: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise blame(LoweringError(f"export: there is no {name} in PATH, {what}."), user_site())
    return found

"""What went wrong, where in the user's program, and the way out.

Every node remembers the user's line that made it (its `Site`).  An error is a full sentence, followed by those lines.
"""

import linecache
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any, NamedTuple, TypeVar


class Site(NamedTuple):
    """A line of the user's program; its text is looked up only when shown."""

    code: CodeType
    line: int

    @property
    def file(self) -> str:
        """The file's name as the user knows it: relative to the working folder where it lies below it."""
        path = self.code.co_filename
        below = os.path.relpath(path) if os.path.isabs(path) else path
        return path if below.startswith("..") else below

    @property
    def text(self) -> str:
        """The source line itself, stripped."""
        return linecache.getline(self.code.co_filename, self.line).strip()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def __reduce__(self) -> Any:
        # Code objects do not pickle; a site that travels keeps its file and line.
        return _restored_site, (self.code.co_filename, self.line)


def _restored_site(file: str, line: int) -> Site:
    return Site(compile("", file, "exec"), line)


class WeftError(Exception):
    """The root of weft's own errors."""


class ShapeError(WeftError, ValueError):
    """Sizes or ranks that cannot meet."""


class DTypeError(WeftError, TypeError):
    """A dtype an operation does not take, or a value that would lose information."""


class GradientError(WeftError, ValueError):
    """A derivative that does not exist, or was asked of something it cannot be taken of."""


class RewriteLoop(WeftError, RuntimeError):
    """Rules that undo each other."""


class LoweringError(WeftError, NotImplementedError):
    """An op for which the target has no kernel."""


class GuardError(WeftError, ValueError):
    """Sizes that were taken to be equal when the expression was written, and are not in this call."""


class ArgumentError(WeftError, TypeError):
    """An argument of a call that is missing, unknown or of the wrong kind."""


class IndexRangeError(WeftError, IndexError):
    """An index outside its axis, found while a compiled function ran."""


class VerifyError(WeftError, AssertionError):
    """A graph that breaks an invariant: a mistake in a pass or a rule, never in the user's program."""


_INSIDE = __name__.partition(".")[0]
_override: list[Site] = []


def user_site() -> Site:
    """The nearest line on the stack outside weft, or the line set by `at_site`."""
    if _override:
        return _override[-1]
    frame = sys._getframe(1)
    while True:
        name = frame.f_globals.get("__name__", "")
        if not (name.startswith(_INSIDE) and (name == _INSIDE or name[len(_INSIDE)] == ".")):
            return Site(frame.f_code, frame.f_lineno)
        if frame.f_back is None:
            return Site(frame.f_code, frame.f_lineno)
        frame = frame.f_back


@contextmanager
def at_site(site: Site) -> Iterator[None]:
    """Nodes made inside belong to this line: derivatives and rewritten nodes belong to what they stand for."""
    _override.append(site)
    try:
        yield
    finally:
        _override.pop()


E = TypeVar("E", bound=BaseException)


def blame(error: E, *sites: Site | None, hint: str = "") -> E:
    """Add the users' lines (the first is where it happened) and a hint to an error; returns it."""
    seen: list[Site] = []
    for site in sites:
        if site is not None and site not in seen:
            seen.append(site)
    width = max((len(str(site)) for site in seen), default=0)
    for number, site in enumerate(seen):
        mark = "    <- here" if number == 0 else ""
        error.add_note(f"  {str(site):<{width}}   {site.text}{mark}".rstrip())
    if hint:
        error.add_note(f"  hint: {hint}")
    return error


def listing(names: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

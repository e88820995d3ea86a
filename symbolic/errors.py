"""What went wrong, where in the user's program, and the way out.

Every node remembers the user's line that made it (its `Site`).  An error is a full sentence, followed by those lines.
"""

import linecache
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeVar

import numpy as np


class Site(NamedTuple):
    """A line of the user's program: which, and its text, is looked up only when shown.

    Every node has one, and a frame's line takes time that grows with the length of the function, so the instruction
    is kept instead.
    """

    code: CodeType | str  # or the file's name, where the site has travelled: code objects do not pickle
    place: int  # the instruction's offset in the code object, or the line
    gradient: bool = False  # whether the node is of the derivative of what the line computes
    kept: str | None = None  # the line itself, of a program that is elsewhere

    def __bool__(self) -> bool:
        return bool(self.code)

    @property
    def path(self) -> str:
        """The file."""
        return self.code if isinstance(self.code, str) else self.code.co_filename

    @property
    def line(self) -> int:
        """The number of the line in its file."""
        if isinstance(self.code, str):
            return self.place
        lines = (line for start, end, line in self.code.co_lines() if start <= self.place < end)
        return next(lines, None) or self.code.co_firstlineno

    @property
    def file(self) -> str:
        """The file's name as the user knows it: relative to the working folder where it lies below it."""
        below = os.path.relpath(self.path) if os.path.isabs(self.path) else self.path
        return self.path if below.startswith("..") else below

    @property
    def text(self) -> str:
        """The source line itself, stripped."""
        return linecache.getline(self.path, self.line).strip() if self.kept is None else self.kept

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.path else ""

    def __reduce__(self) -> Any:
        return Site, (self.path, self.line, self.gradient, self.kept)


NOWHERE = Site("", 0)  # where numbers are from, which are the same node wherever they occur


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


class OutOfMemoryError(WeftError, MemoryError):
    """Arrays that are larger than the memory there is, or than 64 bits can count."""


class NotFiniteError(WeftError, FloatingPointError):
    """A NaN or an infinity in the results of a function that was compiled with nan="raise" or inf="raise"."""


class LinAlgError(WeftError, np.linalg.LinAlgError):
    """A matrix that has no inverse or decomposition of the kind asked for."""


class IndexRangeError(WeftError, IndexError):
    """An index outside its axis, found while a compiled function ran."""


class VerifyError(WeftError, AssertionError):
    """A graph that breaks an invariant: a mistake in a pass or a rule, never in the user's program."""


_INSIDE = __name__.partition(".")[0]
_BELOW = _INSIDE + "."
_NUMPYS = __name__.rpartition(".")[0] + ".numpy_protocol"  # stands between np.exp and the function that it calls

for _error in (WeftError, *WeftError.__subclasses__()):
    _error.__module__ = _INSIDE  # tracebacks name them as they are imported
del _error


class _Override(threading.local):
    site: Site | None = None


_override = _Override()


def user_site() -> Site:
    """The nearest line on the stack outside weft, or the line set by `at_site`."""
    if _override.site is not None:
        return _override.site
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(_BELOW) and name != _INSIDE:
            break
        frame = frame.f_back
    return Site(frame.f_code, frame.f_lasti)


class at_site:  # noqa: N801 - used like a function: `with at_site(node.site): ...`
    """Nodes made inside belong to this line: derivatives and rewritten nodes belong to what they stand for.

    None: they belong to the lines that make them, as they do outside of any such block.
    """

    __slots__ = ("before", "site")

    def __init__(self, site: Site | None):
        self.site = site

    def __enter__(self) -> None:
        self.before = _override.site
        _override.site = self.site

    def __exit__(self, *raised: object) -> None:
        _override.site = self.before


E = TypeVar("E", bound=BaseException)
F = TypeVar("F", bound=Callable[..., Any])


def blame(error: E, *sites: Site | None, hint: str = "") -> E:
    """Add the users' lines (the first is where it happened), each once, and a hint to an error; returns it.

    An error of the call that the user's program is in at this moment names the function that was called.
    """
    if isinstance(error, WeftError) and sites and _override.site is None:
        _name_function(error, sites[0])
    shown = {str(site): site.text for site in sites if site}
    width = max(map(len, shown), default=0)
    for number, (line, text) in enumerate(shown.items()):
        mark = "    <- here" if number == 0 else ""
        note = f"  {line:<{width}}   {text}{mark}".rstrip()
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
    if hint:
        error.add_note(f"  hint: {hint}")
    return error


def _name_function(error: WeftError, site: Site | None) -> None:
    """Put the name of the function that the user's line calls before a text that does not say it."""
    frame, called = sys._getframe(2), None
    while frame.f_back is not None:
        inside = frame.f_globals.get("__name__", "")
        if not inside.startswith(_BELOW) and inside != _INSIDE:
            break
        called = called if inside == _NUMPYS else frame
        frame = frame.f_back
    name = _function_name(called) if called is not None and site == Site(frame.f_code, frame.f_lasti) else ""
    text = error.args[0] if len(error.args) == 1 else None
    if name and isinstance(text, str) and not re.search(rf"\b{name}\b", text):
        error.args = (f"{name}: {text}",)


def _function_name(frame: FrameType) -> str:
    """What users call it by: '' where that is no word."""
    name, self = frame.f_code.co_name, frame.f_locals.get("self")
    if name == "__call__":
        name = getattr(self, "__name__", "")
    elif name == "__init__":
        name = type(self).__name__
    return name if name.isidentifier() and not name.startswith("_") else ""


def give_name(function: F, name: str) -> F:
    """The function, under this name in errors and tracebacks too: for those that are made in a row."""
    function.__name__ = function.__qualname__ = name
    function.__code__ = function.__code__.replace(co_name=name, co_qualname=name)
    return function


def sentence(error: BaseException) -> str:
    """The text of an error of NumPy's or Python's, with a full stop."""
    return f"{str(error).strip().rstrip('.') or type(error).__name__}."


def axes(count: int) -> str:
    """'1 axis', '2 axes'."""
    return f"{count} {'axis' if count == 1 else 'axes'}"


def listing(names: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

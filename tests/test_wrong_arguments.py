"""Every argument of every public function, with values of some sixty kinds that are none of its own.

What comes out is a value, or an error of weft's: a sentence that names the function, with the user's line.
"""

import contextlib
import signal
import traceback
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft as wf
from weft.symbolic.expr import toposort
from weft.symbolic.leaves import Input

from .calls import CALLS as OTHERS
from .calls import WRONG, Call
from .nn.calls import CALLS as LEARNING

CALLS = {**OTHERS, **LEARNING}
HERE = str(Path(__file__).parent)
SECONDS = 5  # of the processor's time, that a call may take
ELEMENTS = 10**6  # of the arrays that are computed

UNNAMED = ("getitem", "call")  # what is known by its brackets, and compiled functions, whose inputs are named
ELSEWHERE = {
    "kernel": "a decorator: tests/codegen/test_users_kernels.py",
    "rewrite": "a decorator: tests/symbolic/test_rewrite.py",
    "rules": "a decorator: tests/symbolic/test_rewrite.py",
    "from_sympy": "takes SymPy's expressions: tests/ops/test_sympy.py",
    "load": "takes files: tests/exchange/programs/test_programs.py",
    "nn.scope": "a context: tests/nn/test_layers.py",
}


def public(module: Any, names: Any) -> set[str]:
    """The functions of a module that users call."""
    found = set()
    for name in names:
        function = getattr(module, name)
        if callable(function) and not isinstance(function, type | types.ModuleType) and not name.startswith("_"):
            plain = getattr(function, "__name__", "")
            found.add(plain if getattr(module, plain, None) is function else name)
    return found


def learning() -> set[str]:
    """The functions of weft.nn and its modules, each where it is defined."""
    found = set()
    for word in ("nn", *wf.nn.__all__):
        module = wf.nn if word == "nn" else getattr(wf.nn, word)
        if isinstance(module, types.ModuleType):
            names = getattr(module, "__all__", vars(module))
            own = [n for n in names if getattr(getattr(module, n), "__module__", "").startswith(module.__name__)]
            found |= {f"{word}.{n}" for n in public(module, own)}
    return found


def test_every_public_function_is_called():
    names = [n for n in dir(wf) if n not in ("Any", "TYPE_CHECKING", "config")]
    without = public(wf, [*names, *wf._LATER]) - {*CALLS, *ELSEWHERE}
    without |= learning() - {*CALLS, *ELSEWHERE}
    without |= {f"Stream.{n}" for n in public(wf.random.Stream, dir(wf.random.Stream))} - set(CALLS)
    assert without == set(), "give these a call in tests/calls.py"


def expressions(found: Any) -> Iterator[wf.Expr]:
    if isinstance(found, wf.Expr):
        yield found
    elif isinstance(found, list | tuple | dict):
        for item in found.values() if isinstance(found, dict) else found:
            yield from expressions(item)


def computed(found: Any) -> None:
    """The values of the expressions in a result, of inputs that are all 1."""
    order = toposort(list(expressions(found)))
    kinds = [of for node in order for of in getattr(node.type, "items", (node.type,))]
    if all(not isinstance(of.size, int) or of.size < ELEMENTS for of in kinds):
        ones = [node for node in order if isinstance(node.op, Input)]
        shapes = [[n if isinstance(n, int) else 3 for n in x.shape] for x in ones]
        wf.evaluate(list(expressions(found)), {x: np.ones(s, x.dtype) for x, s in zip(ones, shapes, strict=True)})


class TooSlow(BaseException):
    """The alarm."""


@contextlib.contextmanager
def alarm() -> Iterator[None]:
    """What runs inside ends after some seconds, where there are such signals."""

    def ring(*_: Any) -> None:
        raise TooSlow

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def complaint(name: str, call: Call, place: Any, value: Any) -> str | None:
    """What is wrong with the outcome of a call; None: nothing."""
    found = None
    try:
        with alarm(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = [call.with_argument(place, value)]
            computed(found)
    except TooSlow:
        return "it takes too long"
    except wf.WeftError as error:
        return unsaid(error, name.rpartition(".")[2] if found is None else "")
    except Exception as error:
        users = traceback.extract_tb(error.__traceback__)[-1].name == "<lambda>"  # the function given raised it
        return None if users else f"{type(error).__name__}: {error}"
    return None


def unsaid(error: wf.WeftError, name: str) -> str | None:
    """What the text of an error leaves out."""
    text, notes = str(error), "".join(getattr(error, "__notes__", ()))
    if not text.endswith("."):
        return f"no sentence: {text}"
    if HERE not in notes and "tests/" not in notes:
        return f"no line: {text}"
    users = "lambda" in notes  # a line of the function given
    return None if name in text or name in UNNAMED or users else f"no name: {text}"


CHECKED = [(name, place, what) for name, call in CALLS.items() for place in call.places() for what in WRONG]


def complaints(chosen: list[tuple[str, Any, str]]) -> list[str]:
    found = []
    for name, place, what in chosen:
        wrong = complaint(name, CALLS[name], place, WRONG[what])
        if wrong is not None:
            found.append(f"{name}, argument {place}, {what}: {wrong}")
    return found


def test_calls_are_right():
    for call in CALLS.values():
        computed(call.function(*call.args, **call.options))


def test_some_wrong_arguments():
    assert complaints(CHECKED[::101]) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(17))
def test_all_wrong_arguments(part):
    assert complaints(CHECKED[part::17]) == []

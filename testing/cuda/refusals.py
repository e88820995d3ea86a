"""What a device refuses: places outside of an axis, with the user's line, and variables that stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...ops import activations, control, creation, indexing
from ...ops.reduce import sum as sum_over
from ...symbolic.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError, WeftError
from ...symbolic.grad import grad
from ...symbolic.variables import matrix, scalar, shared, vector
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import compare, compare_exactly, require

FILE = "a_users_program.py"
NAMES: dict[str, Any] = {
    "x": matrix("x", ("n", 3)),
    "places": vector("places", ("m",), "int64"),
    "values": matrix("values", ("m", 3)),
    "labels": vector("labels", ("n",), "int64"),
    "steps": scalar("steps", dtype="int64"),
    "take": indexing.take,
    "index_add": indexing.index_add,
    "index_set": indexing.index_set,
    "crossentropy": activations.crossentropy,
    "scan": control.scan,
    "zeros": creation.zeros,
}
# What is written, and the two nearest numbers that are outside.
LINES = {
    "take": ("y = take(x, places, 0)", (4, -5)),
    "take twice": ("y = x[places, places]", (3, -4)),
    "index_add": ("y = index_add(x, places, values)", (4, -5)),
    "index_set": ("y = index_set(x, places, values)", (4, -5)),
    "labels": ("y = crossentropy(x, labels)", (3, -1)),
    "steps": ("y = scan(lambda h, row: (h + row, h), zeros((3,)), x, length=steps)[1]", (5, -1)),
}


def _on_a_line_of_the_user(line: str) -> Any:
    """What the third line of a program makes; the file is none of weft's."""
    names = {**NAMES, "__name__": "a_users_program"}
    exec(compile(f"\n\n{line}\n", FILE, "exec"), names)
    return names["y"]


def _arguments(outside: int | None) -> list[np.ndarray]:
    """x, places, values, labels, steps; the last place that is asked for is outside, if one is to be."""
    x = np.arange(12, dtype="float32").reshape(4, 3)
    places, labels = np.array([0, -1, 2, 1]), np.array([0, 1, 2, 0])
    steps = np.int64(3)
    if outside is not None:
        places[-1] = labels[-1] = outside
        steps = np.int64(outside)
    return [x, places, np.ones((4, 3), "float32"), labels, np.asarray(steps)]


def check_line(name: str, setting: DeviceSetting) -> None:
    """A place outside is refused, by the line that asks for it; nothing changes; and the next call works."""
    line, nearest = LINES[name]
    y, inputs = _on_a_line_of_the_user(line), [NAMES[k] for k in ("x", "places", "values", "labels", "steps")]
    w = shared(np.zeros(3, "float32"), "w")
    f = setting.compile(inputs, y, {w: w + sum_over(y)})
    good = f(*_arguments(None))
    kept = w.get_value()
    for outside in (*nearest, 2**62, -(2**62)):
        error = _refusal(partial(f, *_arguments(outside)), IndexRangeError)
        shown = "\n".join([str(error), *getattr(error, "__notes__", ())])
        require(f"{FILE}:3" in shown, f"The error does not name the user's line: {shown}")
        require(str(outside) in shown, f"The error does not name the place {outside}: {shown}")
        compare_exactly("the variable after a refusal", w.get_value(), kept)
    compare_exactly("the result after refusals", f(*_arguments(None)), good)
    compare("the variable at last", w.get_value(), 2 * kept, 4)


def _refusal(call: Callable[[], object], kind: type[WeftError]) -> WeftError:
    """The error that a call ends with.  Raises VerifyError where it ends without one."""
    found: WeftError | None = None
    try:
        call()
    except kind as error:
        found = error
    require(found is not None, f"No {kind.__name__} is raised.")
    assert found is not None
    return found


def check_later(setting: DeviceSetting) -> None:
    """A call that does not wait raises nothing: whoever reads next gets the error, and the variable is as before."""
    line, nearest = LINES["take"]
    y, x, places = _on_a_line_of_the_user(line), NAMES["x"], NAMES["places"]
    w = shared(np.zeros(3, "float32"), "w")
    f = setting.compile([x, places], y, {w: w + sum_over(y)}, results="device")
    good = np.asarray(f(*_arguments(None)[:2]))
    kept = w.get_value()
    for outside in nearest:
        held = f(*_arguments(outside)[:2])
        error = _refusal(held.numpy, IndexRangeError)
        shown = "\n".join([str(error), *getattr(error, "__notes__", ())])
        require(f"{FILE}:3" in shown, f"The error does not name the user's line: {shown}")
        compare_exactly("the variable after a refusal", w.get_value(), kept)
    compare_exactly("the result after refusals", np.asarray(f(*_arguments(None)[:2])), good)
    compare("the variable at last", w.get_value(), 2 * kept, 4)


def check_gradient(setting: DeviceSetting) -> None:
    """The gradient of a selection alone: it is refused as well."""
    x, places = NAMES["x"], NAMES["places"]
    f = setting.compile([x, places], grad(sum_over(indexing.take(x, places, 0) ** 2), x))
    given = _arguments(None)
    f(*given[:2])
    for outside in (4, -5):
        _refusal(partial(f, *_arguments(outside)[:2]), IndexRangeError)
    f(*given[:2])


def check_arguments(setting: DeviceSetting) -> None:
    """Wrong shapes, dtypes and numbers of arguments are refused before anything runs."""
    x = matrix("x", (4, 3), dtype="float32")
    f = setting.compile([x], x * 2.0)
    _refusal(partial(f, np.zeros((4, 2), "float32")), ShapeError)
    _refusal(partial(f, np.zeros((4, 3), "complex64")), DTypeError)
    _refusal(f, ArgumentError)
    compare_exactly("the result after refusals", f(np.ones((4, 3), "float32")), np.full((4, 3), 2, "float32"))


def checks() -> list[DeviceCheck]:
    """All of the group."""
    found: dict[str, Callable[[DeviceSetting], None]] = {name: partial(check_line, name) for name in LINES}
    return group_checks(
        "refusals", found | {"later": check_later, "gradient": check_gradient, "arguments": check_arguments}
    )

"""Test values: variables that carry a value, so that mistakes show where they are written."""

from __future__ import annotations

import warnings
from typing import Any

from ...symbolic.errors import blame, user_site
from ...symbolic.evaluate import run
from ...symbolic.expr import Expr, toposort
from ...symbolic.leaves import Input
from .configuration import config
from .convert import as_variable


class TestValueError(AttributeError):
    """A variable without a test value."""

    __test__ = False  # no test of pytest's


def _value(node: Expr) -> Any:
    if not hasattr(node, "facts"):
        return None
    return node.facts.test_value if node.facts.used_value is None else node.facts.used_value


def compute_test_value(variable: Any) -> None:
    """Give a variable the test value that follows from those of the inputs, as config.compute_test_value says."""
    node = variable.expr
    order = toposort([node], into=lambda n: _value(n) is None)
    missing = [n for n in order if isinstance(n.op, Input) and _value(n) is None]
    if missing:
        name = missing[0].name or "an input"
        if config.compute_test_value == "raise":
            error = TestValueError(f"Cannot compute the test value: {name} has none.")
            raise blame(error, user_site(), missing[0].site, hint="set x.tag.test_value = array.")
        if config.compute_test_value == "warn":
            warnings.warn(f"Cannot compute the test value: {name} has none.", stacklevel=3)
        return
    given = {n: value for n in order if (value := _value(n)) is not None}
    variable.tag.test_value = run([node], given)[0]


def get_test_value(variable: Any) -> Any:
    """The test value of a variable.  Raises AttributeError where it has none."""
    found = as_variable(variable)
    order = toposort([found.expr], into=lambda n: _value(n) is None)
    if any(isinstance(n.op, Input) and _value(n) is None for n in order):
        raise blame(AttributeError(f"{found} has no test value."), user_site(), found.expr.site)
    return run([found.expr], {n: v for n in order if (v := _value(n)) is not None})[0]

"""What programs note about variables: names, tags, and how each was made.

Expressions are interned, and Theano's variables are not: the first variable of an expression notes things beside the
expression, where they stay as long as it does; every further one, written again or copied, notes its own.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ...symbolic.expr import Expr


class Facts:
    """What is noted about one variable."""

    __slots__ = ("_tag", "made", "name", "owner", "used_value")

    def __init__(self) -> None:
        self.name: str | None = None
        self._tag: Any = None
        self.made: Any = None  # (an op or what makes one, arguments, options): see notes.made_by
        self.owner: Any = None
        self.used_value: Any = None  # the test value of the further variable that was used last

    @property
    def tag(self) -> Any:
        """A place for whatever a program wants to keep with a variable."""
        if self._tag is None:
            self._tag = SimpleNamespace()
        return self._tag

    @tag.setter
    def tag(self, tag: Any) -> None:
        self._tag = tag

    @property
    def test_value(self) -> Any:
        """The test value; None where there is none."""
        return getattr(self._tag, "test_value", None)


def use(expr: Expr, facts: Facts) -> None:
    """Let the test value of the variable that is being used be that of its expression."""
    first = facts_of(expr)
    if first is facts:
        first.used_value = None
    elif facts.test_value is not None:
        first.used_value = facts.test_value


def facts_of(node: Expr) -> Facts:
    """What is noted about the first variable of an expression, to be read and written."""
    if not hasattr(node, "facts"):
        node.facts = Facts()
    return node.facts  # type: ignore[no-any-return]

"""Everything in the order in which it can be made: what something needs stands before it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def postorder(roots: Iterable[Node], needs: Callable[[Node], Iterable[Node]]) -> list[Node]:
    """All that the roots need, once, each after what it needs itself; without recursion, however deep that goes."""
    order: list[Node] = []
    seen: set[Node] = set()
    waiting = [(root, False) for root in reversed(list(roots))]
    while waiting:
        node, done = waiting.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting.extend((one, False) for one in reversed(list(needs(node))) if one not in seen)
    return order

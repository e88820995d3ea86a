"""The table of operators: from (domain, name) to the function that reads a node of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Read = Callable[..., Any]

TRAINING = "ai.onnx.preview.training"  # the domain of optimisers and derivatives


class Reading(NamedTuple):
    """How a node is read.

    function : (node, *operands) -> a value, or a tuple with one for each of its outputs.  A value is an expression, a
        list of values (a sequence), or None (an optional that is empty); an operand that is left out is None
    settings : the places of operands that say how it computes (bounds, an exponent): numbers of the model there are
        constants, not parameters
    """

    function: Read
    settings: tuple[int, ...]


READINGS: dict[tuple[str, str], Reading] = {}


def operator(*names: str, domain: str = "", settings: tuple[int, ...] = ()) -> Callable[[Read], Read]:
    """Register how nodes of these operators are read."""

    def register(function: Read) -> Read:
        READINGS.update({(domain, name): Reading(function, settings) for name in names})
        return function

    return register


class Unsaid(Exception):
    """What a node says that the vocabulary cannot: the reason, as a clause that follows the name of the node."""

"""A model that was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...symbolic.expr import Expr


@dataclass(frozen=True)
class Model:
    """A net as expressions, by the names that the file has for them.

    inputs : {name: input}, in the order of the file; a list of inputs for a sequence
    outputs : {name: expression}, in the order of the file; a list of expressions for a sequence, None for an optional
        that is empty
    parameters : {name: shared variable}: the arrays of floats that the outputs depend on
    """

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    parameters: dict[str, Expr]

"""What variables need of the files above them, bound once, before there is a variable.

Some files make methods of variables, and Theano's ops for weft's, known as they are read.  What compiles is read when
it is called.
"""

from __future__ import annotations

from typing import Any

from ...ops.branch import Branch
from ...ops.loop import Loop
from . import (  # noqa: F401 - reading them makes methods of variables and Theano's ops known
    convolutions,
    creation,
    elementwise,
    entropy,
    indexing,
    joining,
    products,
    reductions,
    shapes,
    special,
    subtensors,
    windows,
)
from .methods import bind
from .ops import EQUIVALENTS, owner_of
from .storage import shared_class
from .test_values import compute_test_value
from .types import TensorType


def _eval(variable: Any, values: Any) -> Any:
    from .functions import evaluate

    return evaluate(variable, values)


def _scan(node: Any) -> Any:
    from .loops import Scan

    return Scan()


def _ifelse(node: Any) -> Any:
    from .loops import IfElse

    return IfElse()


bind(
    {
        "compute_test_value": compute_test_value,
        "eval": _eval,
        "owner_of": owner_of,
        "shared_class": shared_class,
        "tensor_type": TensorType,
    }
)
EQUIVALENTS[Loop] = _scan
EQUIVALENTS[Branch] = _ifelse

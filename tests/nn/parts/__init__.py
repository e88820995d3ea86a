"""A record for every function of activations, layers and losses: how it is called, and what others say it is.

Each module has the records of an area; `test_every_part.py` sweeps over all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...cases import Arg, Case

__all__ = ["PARTS", "Arg", "Part", "functional", "part"]


@dataclass(frozen=True)
class Part(Case):
    """A case, with PyTorch's word for it: a function of float64 tensors, called where torch is installed."""

    torch: Callable[..., Any] | None = None


PARTS: list[Part] = []


def part(op: Any, reference: Callable[..., Any], *args: Arg, call: Any = None, label: str = "", **options: Any) -> None:
    """Add a record; `call` None: the function itself.  `reference` is NumPy's or SciPy's word, of float64 arrays."""
    name = getattr(op, "__name__", None) or op.name
    PARTS.append(Part(op, call or op, reference, args, f"{name} {label}".strip(), **options))


def functional(name: str, **options: Any) -> Callable[..., Any]:
    """The function of torch.nn.functional, with these options; it is looked up when it is called."""

    def call(*args: Any, **others: Any) -> Any:
        import torch

        return getattr(torch.nn.functional, name)(*args, **options, **others)

    return call

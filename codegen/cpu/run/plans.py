"""How steps run for given sizes, as text: `f.explain("plan")`."""

from __future__ import annotations

from ...lowering.bind import Bound
from .compile import Nests
from .encode import Setting, encode


def plan_text(bound: Bound, nests: Nests, setting: Setting) -> str:
    """The rows of the table of steps."""
    binding = encode(bound, nests, setting)
    return "\n".join(f"{row.step.label}: {row.units} units" for row in binding.rows)

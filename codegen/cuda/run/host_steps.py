"""What a function does on the host, said once: the device waits for it at every call."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from ....ops.callback import Callback
from ....symbolic.errors import user_site
from ...lowering.program import KernelStep, Program, Step
from ..kernels import is_on_host


def host_steps(program: Program) -> list[Step]:
    """The steps that the host computes, those of bodies too."""
    return [step for step in program.all_steps if isinstance(step, KernelStep) and is_on_host(step.node.op)]


def warn_of_host_steps(steps: Iterable[Step]) -> None:
    """One RuntimeWarning for all that is slow, with the lines; whoever writes a callback knows that it runs here."""
    slow = [step for step in steps if not isinstance(step.node.op, Callback)]
    if not slow:
        return
    listed = "; ".join(dict.fromkeys(f"{s.label} at {s.node.site}" for s in slow))
    text = (
        f"On the host, while the device waits, each call computes {listed}. "
        'A kernel of your own, @wf.kernel(Op, "cuda"), would keep it on the device.'
    )
    site = user_site()
    warnings.warn_explicit(text, RuntimeWarning, site.path or __file__, site.line if site.path else 1)

"""Modes by their names: theano.Mode's kind, and those that look at every value."""

from __future__ import annotations

from typing import Any

from ...symbolic.errors import blame, user_site
from .configuration import config
from .modes import Mode, WrapLinkerMany
from .watching import MODES, WrappedMode

_PLAIN_MODES = (
    "Mode",
    "ProfileMode",
    "PROFILE_MODE",
    "FAST_RUN",
    "FAST_COMPILE",
    "FAST_RUN_NOGC",
    "C",
    "JAX",
    "Unsafe",
)


def get_mode(mode: Any = None) -> Any:
    """The mode of that name; None: the one that theano.config.mode names."""
    wanted = config.mode if mode is None else mode
    if not isinstance(wanted, str):
        if isinstance(wanted, Mode) and isinstance(wanted.linker, WrapLinkerMany):
            return WrappedMode(wanted.linker)
        return wanted
    if wanted in MODES:
        return MODES[wanted]()
    if wanted not in _PLAIN_MODES:
        known = ", ".join([*_PLAIN_MODES, *MODES])
        raise blame(
            Exception(f"No predefined mode exist for string: {wanted}."), user_site(), hint=f"there are {known}."
        )
    return Mode(optimizer="fast_compile" if wanted == "FAST_COMPILE" else "default")


def get_default_mode() -> Mode:
    """The mode of functions that name none."""
    return get_mode()  # type: ignore[no-any-return]

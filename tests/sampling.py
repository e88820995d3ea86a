"""Cases of which the gate runs some: the others are slow tests."""

from collections.abc import Iterable
from typing import Any

import pytest


def rarely(*values: Any) -> Any:
    """The values of a case that only the slow tests run."""
    return pytest.param(*values, marks=pytest.mark.slow)


def every(nth: int, cases: Iterable[Any]) -> list[Any]:
    """Cases of one value each, or made by `pytest.param`: every nth of them, from the first on, runs always."""
    return [_rarely(case) if place % nth else case for place, case in enumerate(cases)]


def _rarely(case: Any) -> Any:
    if hasattr(case, "marks"):
        return pytest.param(*case.values, marks=[*case.marks, pytest.mark.slow], id=case.id)
    return rarely(case)


def every_row(nth: int, cases: Iterable[tuple[Any, ...]]) -> list[Any]:
    """The same of cases of several values."""
    return [rarely(*case) if place % nth else case for place, case in enumerate(cases)]

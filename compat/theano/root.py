"""Names at the root of theano that no other file has."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ...symbolic.errors import blame, user_site

version = "1.0.5"
enable_grad = True

__all__ = ["OrderedDict"]


def test(*args: Any, **options: Any) -> None:
    """Theano's own tests are not part of this layer."""
    raise blame(NotImplementedError("theano.test() runs Theano's own tests, which are not here."), user_site())

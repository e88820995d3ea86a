"""The rewrite rules, in three sets: `canonical` (exact), `stable` (fewer lost digits), `special` (cheaper)."""

from .canonical import canonical
from .special import special
from .stable import stable

__all__ = ["canonical", "special", "stable"]

"""The loop nests of a program as machine code, all of them in one module."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakValueDictionary

from ... import cache
from ...lowering.loops import LoopNest
from ..nests.emit import EmittedNest, emit
from . import native


@dataclass(frozen=True)
class CompiledNest:
    """A nest's code, where it is, and what keeps it there."""

    emitted: EmittedNest
    code: native.Code

    @property
    def address(self) -> int:
        """The address of its function."""
        return self.code.addresses[self.emitted.name]


Nests = dict[LoopNest, CompiledNest]

# Code in the process by the names of its functions: equal nests are the same function, and what no program has any
# more goes.
_loaded: WeakValueDictionary[str, native.Code] = WeakValueDictionary()


def compile_nests(nests: list[LoopNest], checks: bool) -> Nests:
    """The nests, compiled in one module; those that another program brought already are not compiled again."""
    emitted = {nest: emit(nest, _name(nest, checks), checks) for nest in nests}
    found = {name: code for name in (e.name for e in emitted.values()) if (code := _loaded.get(name)) is not None}
    new = [e for e in emitted.values() if e.name not in found]
    if new:
        code = native.Code(native.object_code(*(e.ir for e in new)), [e.name for e in new])
        found.update(dict.fromkeys((e.name for e in new), code))
        _loaded.update(dict.fromkeys((e.name for e in new), code))
    return {nest: CompiledNest(e, found[e.name]) for nest, e in emitted.items()}


def _name(nest: LoopNest, checks: bool) -> str:
    """A name that says all that the code depends on."""
    return ("weft_checked_" if checks else "weft_nest_") + cache.key(repr(nest))

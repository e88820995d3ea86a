"""The loop nests of a program as machine code, all of them in one module."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakValueDictionary

from ... import cache
from ...lowering.loops import LoopNest
from ..nests.emit import EmittedNest, emit
from . import native


class CompiledNest(NamedTuple):
    """A nest's code, where it is, and what keeps it there."""

    emitted: EmittedNest
    code: native.Code | None  # None: it was emitted to be planned, and is not compiled

    def address(self) -> int:
        """The address of its function."""
        assert self.code is not None, self.emitted.name
        return self.code.addresses[self.emitted.name]


Nests = dict[LoopNest, CompiledNest]

# Code in the process by the names of its functions: equal nests are the same function, and what no program has any
# more goes.
_loaded: WeakValueDictionary[str, native.Code] = WeakValueDictionary()


def compile_nests(nests: list[LoopNest], checks: bool) -> Nests:
    """The nests, compiled in one module; those that another program brought already are not compiled again."""
    emitted = {nest: one.emitted for nest, one in emit_nests(nests, checks).items()}
    found = {e.name: _loaded.get(e.name) for e in emitted.values()}
    new = [e for e in emitted.values() if found[e.name] is None]
    if new:
        code = native.Code(native.object_codes([e.ir for e in new]), [e.name for e in new])
        found.update(dict.fromkeys((e.name for e in new), code))
        _loaded.update(dict.fromkeys((e.name for e in new), code))
    return {nest: CompiledNest(e, found[e.name]) for nest, e in emitted.items()}


def emit_nests(nests: list[LoopNest], checks: bool = False) -> Nests:
    """The nests as far as plans look at them: how many units of work they have, and which parameters."""
    return {nest: CompiledNest(emit(nest, _name(nest, checks), checks), None) for nest in nests}


def _name(nest: LoopNest, checks: bool) -> str:
    """A name that says all that the code depends on."""
    return ("weft_checked_" if checks else "weft_nest_") + cache.key(repr(nest))

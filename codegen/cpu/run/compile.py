"""The loop nests of a program as machine code: a module, and an entry of the cache, for each."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple
from weakref import WeakValueDictionary

from ...llvm.emitters import are_own
from ...lowering.loops import LoopNest
from ...spans import span
from ..nests.code import NestCode, code_of
from . import native
from .made import Recipe


class CompiledNest(NamedTuple):
    """A nest's code, which it may share with others, where it is, and what keeps it there."""

    source: NestCode
    code: native.Code | None  # None: it is planned, and not compiled

    def address(self) -> int:
        """The address of its function."""
        assert self.code is not None, self.source.name
        return self.code.addresses[self.source.name]

    def recipe(self) -> Recipe:
        """How it is compiled."""
        key = native.nest_key(self.source.name) if are_own() else None
        return Recipe(key, lambda entry: _emit(self.source).replace(self.source.name, entry))


Nests = dict[LoopNest, CompiledNest]

# Code in the process by the names of its functions: nests of the same code are one function, and what no program has
# any more goes.
_loaded: WeakValueDictionary[str, native.Code] = WeakValueDictionary()


@span("load nests")
def compile_nests(nests: list[LoopNest], checks: bool) -> Nests:
    """The nests, compiled; those that another program brought, or the cache has, are not compiled again."""
    planned = plan_nests(nests, checks)
    sources = {one.source.name: one.source for one in planned.values()}
    named = are_own()
    found = {name: _loaded.get(name) if named else None for name in sources}
    new = [name for name in sources if found[name] is None]
    if new:
        code = native.Code(native.object_codes({name: partial(_emit, sources[name]) for name in new}, named), new)
        found.update(dict.fromkeys(new, code))
        _loaded.update(dict.fromkeys(new, code))
    return {nest: CompiledNest(one.source, found[one.source.name]) for nest, one in planned.items()}


def plan_nests(nests: list[LoopNest], checks: bool = False) -> Nests:
    """The nests as far as plans look at them: how many units of work they have, and which parameters."""
    return {nest: CompiledNest(code_of(nest, checks), None) for nest in nests}


def ir_of(nests: Nests) -> str:
    """The IR of the functions that the nests are."""
    return "\n".join(_emit(source) for source in {one.source.name: one.source for one in nests.values()}.values())


def _emit(source: NestCode) -> str:
    from ..nests.emit import emit  # and with it what makes LLVM IR, which nobody needs where all is compiled

    return emit(source)

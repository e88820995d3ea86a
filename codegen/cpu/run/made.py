"""Functions of machine code, by what makes them: found where they were made before, or made now.

A maker is a function of this target's modules, whose code, and that of all that it uses, is in its files.  So the key
of what `make(*arguments)` makes has the digest of those, besides the kind of processor.  It is looked for

    in the process, which has each function once
    among those that are shipped with weft (ahead/)
    in the cache on disk, under a key that has the compilers' versions as well

and compiled only where it is in none of them.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Hashable
from importlib import import_module
from typing import Any, NamedTuple

from ... import cache
from ...spans import span
from ..ahead.objects import find_object
from . import native
from .compiler import compile_ir
from .compiling import LOCK, under_lock
from .processor import host_triple, processor

_HOME = __package__.rpartition(".")[0]  # the package of the target
_ADDRESSES: dict[Hashable, int] = {}
_numbers = itertools.count()  # of what has no key
_KERNEL = "int64(CPointer(int64), CPointer(int64), int64, int64)"


class Recipe(NamedTuple):
    """How a function is made."""

    key: str | None  # says all that its code depends on; None: nobody can say that
    emit: Callable[[str], str]  # the LLVM IR of a function of this name


def kernel_recipe(make: Callable[..., Any], *arguments: Any, signature: str = _KERNEL) -> Recipe:
    """Of the kernel, or a function of that signature, that `make(*arguments)` returns: in Numba's subset of Python.

    `make` is called, and Numba imported, only to compile it.  The arguments (dtypes, tile sizes ...) must print what
    they are.
    """

    def emit(entry: str) -> str:
        return numba_ir(make(*arguments), entry, signature)

    return Recipe(kernel_key(make, *arguments), emit)


def code_recipe(module: str, name: str, arguments: tuple[Any, ...]) -> Recipe:
    """Of the function whose LLVM IR the function `name(entry, *arguments)` of a module of this target returns."""

    def emit(entry: str) -> str:
        return str(getattr(import_module(module), name)(entry, *arguments))

    return Recipe(_key(module, name, arguments), emit)


def kernel_key(make: Callable[..., Any], *arguments: Any) -> str | None:
    """The key of what `make(*arguments)` makes, or None: nobody can say what its code depends on.

    That can be said of the functions of this target's modules.  Others, and functions made by functions, use values
    that their source does not show.
    """
    module = sys.modules.get(make.__module__)
    ours = make.__module__.startswith(f"{_HOME}.") and getattr(module, make.__qualname__, None) is make
    return _key(make.__module__, make.__qualname__, arguments) if ours else None


def _key(module: str, name: str, arguments: tuple[Any, ...]) -> str | None:
    if native.SOURCES is None:
        return None
    return cache.key("made", module.removeprefix(_HOME), name, arguments, native.SOURCES, host_triple(), *processor())


def address(identity: Hashable, recipe: Callable[[], Recipe]) -> int:
    """The address of a function: it is found or made the first time, by one thread alone."""
    if identity not in _ADDRESSES:
        with LOCK:
            if identity not in _ADDRESSES:
                _ADDRESSES[identity] = _load(recipe())
    return _ADDRESSES[identity]


def _load(recipe: Recipe) -> int:
    entry = entry_name(recipe)
    found = find_object(str(processor()), recipe.key) if recipe.key else None
    if found is None:
        kept = cache.key("object", recipe.key, native.toolchain()) if recipe.key else None
        found = native.load_or_compile(kept, lambda: _compile(recipe, entry))
    return native.add_object(found, (entry,))[0]


@span("compile kernels")
def _compile(recipe: Recipe, entry: str) -> bytes:
    return compile_ir(recipe.emit(entry))


def entry_name(recipe: Recipe) -> str:
    """The name of the function in its object code."""
    return f"weft_{recipe.key or next(_numbers)}"


@under_lock
def numba_ir(function: Callable[..., Any], entry: str, signature: str = _KERNEL) -> str:
    """LLVM IR of a Python function with the kernels' signature, compiled by Numba, with its entry under that name."""
    import numba

    compiled = numba.cfunc(signature, error_model="numpy")(function)
    return str(compiled.inspect_llvm()).replace(compiled.native_name, entry)

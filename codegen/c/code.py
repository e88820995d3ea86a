"""The machine code of exported functions: as object files, which a linker takes."""

from __future__ import annotations

from ...symbolic.cores import default_threads
from .. import cache
from ..cpu.params import Reference
from ..cpu.run import native, team, walker
from ..cpu.run.compiler import compile_each
from ..cpu.run.made import Recipe


class CodeTable:
    """The code that images call, by number."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._recipes: list[Recipe] = []

    def number(self, reference: Reference) -> int:
        """The number of code, which is the same for the same code."""
        recipe = reference.recipe()
        found = self._numbers.setdefault(recipe.key or reference, len(self._recipes))
        if found == len(self._recipes):
            self._recipes.append(recipe)
        return found

    @property
    def names(self) -> list[str]:
        """The symbol of each."""
        return [f"weft_{recipe.key or number}" for number, recipe in enumerate(self._recipes)]

    def objects(self, threads: bool) -> list[bytes]:
        """The object code of all of it, and of what walks the steps, on one thread or with a team."""
        walking = {"weft_walk": walker.walk_recipe(threads)}
        if threads:
            team.prepare()  # Numba looks for what the code will look for
            walking["weft_work"] = team.worker_recipe()
        return _compile({**dict(zip(self.names, self._recipes, strict=True)), **walking})


def _compile(recipes: dict[str, Recipe]) -> list[bytes]:
    """Object code for each name: from the cache, or compiled, several side by side."""
    keys = {name: _key(name, recipe) for name, recipe in recipes.items()}
    found = {name: cache.load(key) if key else None for name, key in keys.items()}
    new = [name for name, code in found.items() if code is None]
    codes = compile_each([recipes[name].emit(name) for name in new], default_threads(), linked=True)
    for name, code in zip(new, codes, strict=True):
        found[name] = code
        native.store(keys[name], code)
    return [code for code in found.values() if code is not None]


def _key(name: str, recipe: Recipe) -> str | None:
    return cache.key("linked", name, recipe.key, native.toolchain()) if recipe.key else None

"""Functions in the checked mode: every call runs on guarded copies of all that it reads and writes."""

from __future__ import annotations

import faulthandler
from typing import Any

import numpy as np

from ....symbolic.access import VariableAccess
from ...arguments import adapt_argument, order_arguments
from ...lowering.buffers import Role
from ...lowering.memory import ALIGNMENT_BYTES
from . import checked
from .binding import Binding
from .checked import Guarded
from .function import CPUFunction
from .rows import Block

faulthandler.enable()  # a kernel that leaves its buffers ends the process: this says which call it was


class CheckedFunction(CPUFunction):
    """Its calls lay buffers against pages that nobody may touch: with their ends, then with their starts, in turn."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        given = order_arguments(self.asked, args, keywords)
        arrays = [adapt_argument(value, x, self.downcast) for value, x in zip(given, self.source.inputs, strict=True)]
        self._at_end = not self._at_end
        with VariableAccess(self._reads, self._writes):
            self._bring_storages()
            results = self._run_on_copies(arrays, self._at_end)
        return results[0] if self._form is None else self._form(results)

    def _run_on_copies(self, arrays: list[np.ndarray], at_end: bool) -> list[np.ndarray]:
        """The results of a call on copies; variables get their new values at its end."""
        binding = self._bound((*[a.shape for a in arrays], *self._more_sizes(arrays)), arrays)
        _lay_out(binding, at_end)
        made = [checked.empty(shape, dtype, at_end) for shape, dtype, _ in binding.results]
        variables = [checked.copy(storage.array, at_end) for storage in self._moving_storages]
        guarded = [checked.copy(a, at_end) for a in arrays]
        for place, array in enumerate([*guarded, *made, *variables]):
            binding.objects[place] = id(array)
        failed = binding.run()
        if failed >= 0:
            raise self.failure(binding, failed, arrays)
        for storage, value in zip(self._moving_storages, variables, strict=True):
            if storage in self._updated and storage not in self._replaced:
                np.copyto(storage.array, value)
        results = [np.array(m) for m in made]
        if self.refused:
            self._examine(binding, arrays, results)
        self._replace(results)
        return results[: self._outputs]


def _lay_out(binding: Binding, at_end: bool) -> None:
    """Give every temporary memory of its own."""
    regions: dict[Block, Guarded] = {}
    for word, block, offset in binding.links.arena:
        if block not in regions:
            # carries have two places in theirs
            whole = block.buffer is not None and block.buffer.role is not Role.CARRY
            regions[block] = Guarded(block.size if whole else -(-block.size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES)
            regions[block].clear()
        binding.words[word] = regions[block].address(at_end) + offset
    binding.keep.append(regions)

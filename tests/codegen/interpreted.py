"""Programs run in NumPy as they were placed in memory, where what is not needed at a time is lost."""

import numpy as np

from weft.codegen.compiled import Compiled
from weft.codegen.lowering.buffers import Role
from weft.codegen.reference.interpreter import Interpreter
from weft.codegen.reference.memory import blank_elements


class Forgetful(Interpreter):
    """Before each step, temporaries that are not needed at its time are filled with bytes of 255: NaN, or -1.

    So a life that ends too early, or begins too late, is seen in the results.
    """

    def call(self, call):
        time = call.step.time
        for buffer, memory in self.memory.found.items():
            own = buffer.alias is None and buffer.role in (Role.TEMPORARY, Role.SCRATCH)
            if own and not buffer.first <= time <= buffer.last:
                memory.view(np.uint8)[:] = 0xFF
        super().call(call)


def interpreted(function: Compiled, arrays):
    """The results of a call, and by variable the new values; the variables get them, as they do in a call."""
    bound = function.bind_sizes(function.sizes(arrays))
    results = [blank_elements(r.bytes // r.dtype.itemsize, r.dtype).reshape(r.shape) for r in bound.results]
    Forgetful(bound, arrays, results).run()
    count = len(function.graph.outputs)
    for (shared, _), value in zip(function.program.replaced, results[count:], strict=True):
        shared.op.storage.replace(value)
    return results[:count], {shared: shared.get_value() for shared, _ in function.graph.updates}

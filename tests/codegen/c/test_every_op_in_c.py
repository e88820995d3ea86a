"""Every op as C: the same bits as calls in Python, but for those that run in Python."""

import numpy as np
import pytest

import weft as wf

from ...test_every_op import DOZENS, drawn, inputs_of
from .loaded import Library, dirty, in_plain_mode, same

pytestmark = in_plain_mode
IN_PYTHON = {"callback", "cholesky", "det", "eigh", "inv", "qr", "slogdet", "solve", "svd"}  # begins of labels


def as_list(found):
    """The results of a call, whatever their form."""
    return list(found) if isinstance(found, list | tuple) else [found]


def compile_case(case, number, kind):
    """The function of a case; None where it runs in Python, as it says, or its sizes are values."""
    inputs = inputs_of(case, kind)
    found = wf.function(inputs, case.call(*inputs), name=f"op{number}", on_unused_input="ignore")
    return None if case.label.partition(" ")[0] in IN_PYTHON or found.size_source is not None else found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("cases", DOZENS, ids=lambda cases: f"{cases[0].label} .. {cases[-1].label}")
def test_every_op_is_the_same_bits_in_c(cases, kind, tmp_path):
    functions = {case: compile_case(case, number, kind) for number, case in enumerate(cases)}
    functions = {case: f for case, f in functions.items() if f is not None}
    if not functions:
        return
    sizes = {}
    for case in functions:
        names = [d for x in inputs_of(case, kind) for d in x.shape if not isinstance(d, int)]
        sizes.update({str(d): case.sizes for d in names})
    state = Library(tmp_path, "ops", *functions.values(), sizes=sizes or None).state(2)
    for case, f in functions.items():
        for n in case.sizes:
            arrays = drawn(case, n, kind)
            expected = as_list(f(*arrays))
            found = [dirty(e.shape, e.dtype) for e in expected]
            given, known = [], False
            for x, array in zip(f.source.inputs, arrays, strict=True):
                symbols = [d for d in x.shape if not isinstance(d, int)]
                given += [np.ascontiguousarray(array), *([n] if symbols and not known else [])]
                known = known or bool(symbols)
            state.run(f.name, *given, *found)
            assert all(map(same, found, expected)), (case.label, n)

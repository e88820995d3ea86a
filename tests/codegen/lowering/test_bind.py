"""Programs with sizes: bytes, shapes, strides and places as numbers, of sizes 0 and 1, too, and beyond 64 bits."""

from dataclasses import dataclass

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.bind import (
    Array,
    BranchCall,
    KernelCall,
    LoopCall,
    NestCall,
    Result,
    bind,
)
from weft.codegen.lowering.buffers import Role

from ..graphs import PROGRAMS, Program, arguments, compiled


def bound(inputs, outputs, **sizes):
    return bind(compiled(Program(inputs, outputs, None, [])).program, sizes)


def kernels(calls):
    for call in calls:
        if isinstance(call, KernelCall):
            yield call
        elif isinstance(call, LoopCall):
            yield from kernels(call.body)
        elif isinstance(call, BranchCall):
            yield from (one for body in call.bodies for one in kernels(body))


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("m", [1, 4])
def test_operands_of_a_kernel_are_views_as_numpy_has_them(n, m):
    x, w = wf.tensor("x", ("n", "m", 6)), wf.matrix("w", ("m", 3))
    part = x[:, :, 4] if m == 1 else x[::-1, :, 4]  # backwards along n
    (call,) = kernels(bound([x, w], [part @ w], n=n, m=m).calls)
    memory = np.zeros((n, m, 6), "float32")
    view = memory[:, :, 4] if m == 1 else memory[::-1, :, 4]
    given, weights = call.arguments
    assert given.shape == view.shape
    if n:  # of no elements NumPy's strides are 0
        assert given.strides == tuple(s // 4 for s in view.strides)
        assert call.places[1].offset == view.ctypes.data - memory.ctypes.data
    assert (weights.shape, weights.strides, call.places[2].offset) == ((m, 3), (3, 1), 0)
    assert call.outputs == (Array(np.dtype("float32"), (n, 3), (3, 1)),)
    assert [place.buffer.role for place in call.places] == [Role.OUTPUT, Role.INPUT, Role.INPUT]


def test_repeated_and_transposed_operands():
    x, w = wf.matrix("x", ("n", "m")), wf.matrix("w", ("n", 3))
    (call,) = kernels(bound([x, w], [x.T @ w], n=2, m=5).calls)
    assert call.arguments[0][1:] == ((5, 2), (1, 5))
    row = wf.vector("row", ("n",))
    (call,) = kernels(bound([row, w], [wf.broadcast_to(row, (4, row.shape[0])) @ w], n=2).calls)
    assert call.arguments[0][1:] == ((4, 2), (0, 1))


def test_what_is_contiguous():
    def array(shape, strides):
        return Array(np.dtype("float32"), shape, strides)

    assert array((2, 3), (3, 1)).contiguous
    assert array((), ()).contiguous
    assert array((1, 3), (77, 1)).contiguous  # of one row it does not matter where the next would be
    assert array((3, 1), (1, 77)).contiguous
    assert not array((2, 3), (1, 2)).contiguous
    assert not array((2, 3), (6, 2)).contiguous
    assert not array((2, 3), (0, 1)).contiguous
    assert not array((3,), (-1,)).contiguous


@pytest.mark.parametrize("n", [0, 1, 7])
def test_bytes_and_results(n):
    x = wf.matrix("x", ("n", 3), "float64")
    found = bound([x], [x * 2, x.sum(1).astype("float32"), x[:1].sum()], n=n)
    assert found.results == [
        Result((n, 3), np.dtype("float64"), 24 * n),
        Result((n,), np.dtype("float32"), 4 * n),
        Result((), np.dtype("float64"), 8),
    ]
    (given,) = found.program.inputs
    assert found.bytes[given] == 24 * n
    assert found.shape(given) == (n, 3)
    assert found.array(given) == Array(np.dtype("float64"), (n, 3), (3, 1))
    assert set(found.bytes) == set(found.program.buffers)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_elements_of_a_nest(n):
    x = wf.matrix("x", ("n", 3))
    (call,) = bound([x], [wf.exp(x)], n=n).calls
    assert isinstance(call, NestCall)
    assert call.elements == 3 * n


@pytest.mark.parametrize("time", [0, 1, 4])
def test_bodies_have_numbers_too(time):
    xs, w = wf.tensor("xs", ("time", 2, "k")), wf.matrix("w", ("k", "k"))
    last, _ = wf.scan(lambda h, x: (wf.tanh(x @ w + h), h), wf.zeros((2, w.shape[0])), xs)
    found = bound([xs, w], [last, wf.cond(w[0, 0] > 0, lambda: w.T @ w, lambda: w * 2)], time=time, k=3)
    (loop,) = [call for call in found.calls if isinstance(call, LoopCall)]
    (branch,) = [call for call in found.calls if isinstance(call, BranchCall)]
    assert loop.length == time
    (inside,) = kernels(loop.body)
    assert [a.shape for a in (*inside.outputs, *inside.arguments)] == [(2, 3), (2, 3), (3, 3)]
    (then,), (otherwise,) = branch.bodies
    assert then.arguments[0][1:] == ((3, 3), (1, 3))
    assert otherwise.elements == 9
    elements = [b for b in found.program.buffers if b.role is Role.ELEMENT]
    assert elements
    for element in elements:  # each step has one of so many
        assert found.bytes[element] * time == found.bytes[element.alias]


def test_parameters_of_ops_are_numbers():
    x = wf.matrix("x", ("n", "n"))

    @dataclass(frozen=True)
    class Sized(wf.Op):
        count: object

        def infer(self, x):
            return x

        def numpy(self, x):
            return x + self.count

    wf.kernel(Sized, "cpu")(lambda x, out, count: None)
    (call,) = kernels(bound([x], [wf.apply(Sized(x.shape[0]), x)], n=4).calls)
    assert call.op.count == 4
    assert call.step.node.op.count is not call.op.count


HUGE = 1 << 31


def test_sizes_that_64_bits_do_not_count():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    outer = wf.expand_dims(x, 1) * y
    many = 1 << 30  # squared, and 4 bytes each: 2^62
    with pytest.raises(wf.OutOfMemoryError, match=f"mul has {many} x {many} elements in this call") as caught:
        bound([x, y], [outer], n=many)
    assert "outer = " in "\n".join(caught.value.__notes__)
    bound([x, y], [outer], n=many - 1)  # a call says that there is no memory


def test_loops_that_64_bits_do_not_count():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    total = (wf.expand_dims(x, 1) * y).sum()  # no array is that large
    with pytest.raises(wf.OutOfMemoryError, match=f"sum has .* {HUGE} elements in this call, more than any memory"):
        bound([x, y], [wf.exp(total)], n=HUGE)
    bound([x, y], [wf.exp(total)], n=1 << 20)


def test_sizes_that_64_bits_do_not_count_in_a_body():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    last, _ = wf.scan(lambda h, _: (h + (wf.expand_dims(x, 1) * y @ y).sum(), h), wf.constant(0.0), wf.arange(2))
    with pytest.raises(wf.OutOfMemoryError, match=f"{HUGE} x {HUGE} elements"):
        bound([x, y], [last], n=HUGE)


@pytest.mark.parametrize("name", PROGRAMS)
def test_operands_lie_within_their_buffers(name):
    program = PROGRAMS[name]()
    function = compiled(program)
    found = bind(function.program, function.sizes(arguments(program)))
    for call in kernels(found.calls):
        for place, array in zip(call.places, (*call.outputs, *call.arguments), strict=True):
            spans = [(n - 1) * s * array.dtype.itemsize for n, s in zip(array.shape, array.strides, strict=True)]
            low = place.offset + sum(min(s, 0) for s in spans)
            high = place.offset + sum(max(s, 0) for s in spans) + array.dtype.itemsize
            assert 0 <= low < high <= found.bytes[place.buffer]

"""Graphs over a fake driver: order, parameters byte for byte, other nodes in the place of some."""

import math
import struct

import numpy as np
import pytest

from weft.codegen.cuda.driver.device import CopyNode, FillNode, KernelNode, Span
from weft.codegen.cuda.trace.kernel import TraceRef
from weft.symbolic.errors import VerifyError, WeftError

from .fake_device import (
    EVERY_KIND,
    KINDS,
    NOTHING,
    SCALE,
    THREADS,
    fetch,
    make_reversal,
    make_scale,
    open_device,
    place,
    simulate_launches,
)
from .fake_libcuda import FakeLibcuda


@pytest.fixture
def fake():
    made = FakeLibcuda()
    simulate_launches(made, SCALE)
    yield made
    assert made.problems == []


@pytest.fixture
def device(fake):
    return open_device(fake)


def graphs(fake):
    """The graphs that the driver has: (nodes, what each starts after, as numbers of nodes)."""
    made = [thing for thing in fake.objects.values() if isinstance(thing, dict) and "nodes" in thing]
    found = []
    for graph in made:
        number = {handle: i for i, handle in enumerate(graph["nodes"])}
        after = [[number[before] for before in graph["after"][handle]] for handle in graph["nodes"]]
        found.append(([fake.objects[handle] for handle in graph["nodes"]], after))
    return found


@pytest.mark.parametrize("count", [1, 63, 64, 65, 1000])
def test_a_graph_computes(fake, device, count):
    data = np.random.default_rng(0).standard_normal(count).astype(np.float32)
    x, y, z = place(device, data), *(Span(device.allocate(4 * count), 4 * count) for _ in range(2))
    nodes = [
        FillNode(y, 0xFF),
        KernelNode(SCALE, (math.ceil(count / THREADS),), (y, x, 3.0, count)),
        CopyNode(z, y),
    ]
    graph = device.graph(nodes, [(), (0,), (1,)])
    assert fake.launches == []
    graph.launch()
    np.testing.assert_array_equal(fetch(device, z), data * np.float32(3))
    graph.launch()
    device.synchronize()
    assert len(fake.launches) == 2


def test_nodes_start_after_those_that_are_named(fake, device):
    x = place(device, np.ones(4, np.float32))
    nodes = [FillNode(Span(x.address + i, 1), i) for i in range(5)]
    after = [(), (), (0, 1), (2,), (0, 3)]
    graph = device.graph(nodes, after)
    assert graph.nodes == nodes
    ((made, order),) = graphs(fake)
    assert order == [list(earlier) for earlier in after]
    assert made == [("fill", x.address + i, i, 1) for i in range(5)]


@pytest.mark.parametrize("after", [[(0,)], [(1,), ()], [(-1,)]])
def test_an_order_that_leads_back_is_refused(device, after):
    x = place(device, np.ones(4, np.float32))
    with pytest.raises(VerifyError, match="do not all precede it"):
        device.graph([FillNode(x, 0)] * len(after), after)


def test_a_graph_of_nothing(fake, device):
    device.graph([], []).launch()
    x = place(device, np.ones(3, np.float32))
    empty = Span(x.address, 0)
    graph = device.graph(
        [CopyNode(empty, empty), FillNode(empty, 1), KernelNode(SCALE, (3, 0), (x, x, 2.0, 3)), FillNode(x, 0)],
        [(), (0,), (1,), (2,)],
    )
    for number, node in enumerate(graph.nodes[:3]):
        graph.replace(number, node)
    graph.launch()
    assert not fetch(device, x).any()
    assert fake.launches == []
    ((made, order),) = graphs(fake)  # the other one has gone
    assert [node[0] for node in made] == ["empty", "empty", "empty", "fill"]
    assert order == [[], [0], [1], [2]]


# ---- parameters -----------------------------------------------------------------------------------------------------

FORMATS = {"bool": "?", "float64": "d", "int8": "b", "int32": "i", "float16": "e", "float32": "f"}
FORMATS |= {"uint8": "B", "int64": "q", "uint16": "H", "uint64": "Q"}


def launch(device, fake, ref, grid, arguments):
    device.graph([KernelNode(ref, grid, arguments)], [()]).launch()
    device.synchronize()
    return fake.launches.pop()


def test_parameters_are_packed_byte_for_byte(fake, device):
    simulate_launches(fake, EVERY_KIND)
    spans = iter([place(device, np.ones(4)) for name, value in KINDS if value is None])
    arguments = [next(spans) if value is None else value for _, value in KINDS]
    name, grid, block, shared, raw = launch(device, fake, EVERY_KIND, (1,), tuple(arguments))
    wanted = [
        struct.pack("<Q", given.address) if isinstance(given, Span) else struct.pack(f"<{FORMATS[kind]}", given)
        for (kind, _), given in zip(KINDS, arguments, strict=True)
    ]
    assert raw == wanted
    assert (name, grid, block, shared) == ("kinds", (1, 1, 1), (32, 1, 1), 0)


@pytest.mark.parametrize("factor", [math.nan, -math.inf, 1e300, -1e-50, 0.1, np.float32(0.1), 7])
def test_floats_become_the_nearest_ones(fake, device, factor):
    x = place(device, np.ones(4, np.float32))
    raw = launch(device, fake, SCALE, (1,), (x, x, factor, 0))[4]
    with np.errstate(over="ignore"):
        assert raw[2] == np.array(factor).astype(np.float32).tobytes()


def test_a_kernel_without_parameters(fake, device):
    simulate_launches(fake, NOTHING)
    assert launch(device, fake, NOTHING, (5,), ()) == ("nothing", (5, 1, 1), (32, 1, 1), 0, [])


@pytest.mark.parametrize("grid", [(7,), (7, 2), (7, 2, 3), (1 << 31) - 1, (1, 65535, 65535)])
def test_grids(fake, device, grid):
    fake.run_kernel = lambda *launched: None
    grid = grid if isinstance(grid, tuple) else (grid,)
    assert launch(device, fake, NOTHING, grid, ())[1] == (*grid, 1, 1)[:3]


@pytest.mark.parametrize("grid", [(1 << 31,), (1, 65536), (1, 1, 1 << 20), (-1,), (1, 1, 1, 1), ((1 << 32) + 1,)])
def test_grids_that_no_device_has(device, grid):
    with pytest.raises(VerifyError, match="cannot be launched over a grid"):
        device.graph([KernelNode(NOTHING, grid, ())], [()])


def test_arguments_that_are_none_of_the_kernels(device):
    x = place(device, np.ones(4, np.float32))
    for arguments, says in [
        ((x, x, 1.0), "with 3 arguments; it has 4 parameters"),
        ((x, 1, 1.0, 4), "with a number where it takes an array"),
        ((x, x, x, 4), "with an array where it takes a number"),
        ((x, x, 1.0, 1 << 31), "what no such number can be"),
        ((x, x, 1.0, math.nan), "what no such number can be"),
    ]:
        with pytest.raises(VerifyError, match=says):
            device.graph([KernelNode(SCALE, (1,), arguments)], [()])


@pytest.mark.parametrize(("count", "dynamic"), [(96, 0), (12288, 0), (12320, 49280), (32768, 131072)])
def test_shared_memory_beyond_48_kib_is_asked_for(fake, device, count, dynamic):
    ref = TraceRef(make_reversal, (count,))
    simulate_launches(fake, ref)
    data = np.arange(count, dtype=np.float32)
    x = place(device, data)
    assert launch(device, fake, ref, (1,), (x,))[3] == dynamic
    assert [arguments[2] for arguments in fake.called("cuFuncSetAttribute")] == [dynamic][: dynamic > 0]
    np.testing.assert_array_equal(fetch(device, x), data[::-1])


def test_more_shared_memory_than_there_is(fake, device):
    with pytest.raises(WeftError, match="cuFuncSetAttribute"):
        device.graph([KernelNode(TraceRef(make_reversal, (60000,)), (1,), (Span(0, 0),))], [()])


# ---- replaced and closed --------------------------------------------------------------------------------------------


def test_other_addresses_and_numbers_are_those_of_later_launches(fake, device):
    x, y, z = (place(device, np.full(4, value, np.float32)) for value in (1, 10, 100))
    graph = device.graph(
        [KernelNode(SCALE, (1,), (y, x, 2.0, 4)), CopyNode(z, y), FillNode(Span(x.address, 4), 0)], [(), (0,), (1,)]
    )
    graph.launch()  # waits in its stream, and is what it was
    graph.replace(0, KernelNode(SCALE, (2,), (x, z, -1.0, 3)))
    graph.replace(1, CopyNode(y, x))
    graph.replace(2, FillNode(Span(z.address, 16), 0xFF))
    np.testing.assert_array_equal(fetch(device, z), 2)
    np.testing.assert_array_equal(fetch(device, x), [0, 1, 1, 1])
    graph.launch()
    np.testing.assert_array_equal(fetch(device, x), [-2, -2, -2, 1])
    np.testing.assert_array_equal(fetch(device, y), [-2, -2, -2, 1])
    assert np.isnan(fetch(device, z)).all()
    assert [launched[1] for launched in fake.launches] == [(1, 1, 1), (2, 1, 1)]


def test_a_node_of_another_kind_is_refused(device):
    x = place(device, np.ones(4, np.float32))
    scale = KernelNode(SCALE, (1,), (x, x, 2.0, 4))
    fill, nothing = FillNode(x, 0), FillNode(Span(0, 0), 0)
    graph = device.graph([scale, fill], [(), ()])
    other = KernelNode(TraceRef(make_scale, (32,)), (1,), (x, x, 2.0, 4))
    for number, node in [(0, fill), (1, scale), (0, other), (1, nothing), (0, scale._replace(grid=(0,)))]:
        with pytest.raises(VerifyError, match="is of another kind"):
            graph.replace(number, node)
    alike = KernelNode(TraceRef(make_scale, (float(THREADS),)), (1,), (x, x, 2.0, 4))  # equal, and not the same
    with pytest.raises(VerifyError, match="is of another kind"):
        graph.replace(0, alike)


def test_sizes_and_bytes_of_nodes(device):
    x = place(device, np.ones(4, np.float32))
    with pytest.raises(VerifyError, match="16 bytes are copied to a place of 8"):
        device.graph([CopyNode(Span(x.address, 8), x)], [()])
    for byte in (-1, 256):
        with pytest.raises(VerifyError, match="is no byte"):
            device.graph([FillNode(x, byte)], [()])


@pytest.mark.parametrize("drop", [True, False])
def test_a_graph_goes_once(fake, device, drop):
    x = place(device, np.ones(4, np.float32))
    graph = device.graph([FillNode(x, 0)], [()])
    graph.launch()
    if drop:
        del graph
    else:
        graph.close()
        graph.close()
        for use in (graph.launch, lambda: graph.replace(0, FillNode(x, 1))):
            with pytest.raises(VerifyError, match="closed"):
                use()
    assert len(fake.called("cuGraphExecDestroy")) == len(fake.called("cuGraphDestroy")) == 1
    assert not fetch(device, x).any()

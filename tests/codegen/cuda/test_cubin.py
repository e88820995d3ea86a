"""Machine code of kernels over a fake driver: what is compiled when, and what it is found by."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from weft.codegen import cache
from weft.codegen.cuda.driver import cubin
from weft.codegen.cuda.driver.cubin import cubin_key
from weft.codegen.cuda.driver.device import KernelNode, Span
from weft.codegen.cuda.products.matmul import make_zeros
from weft.codegen.cuda.trace.kernel import TraceRef
from weft.codegen.llvm.emitters import EMITTERS
from weft.symbolic.errors import LoweringError, WeftError

from .fake_device import NOTHING, SCALE, make_constant, make_reversal, open_device
from .fake_libcuda import FakeLibcuda

ZEROS = TraceRef(make_zeros, ("float32", False))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))
    return tmp_path


def linked(ref, fake=None, arguments=(Span(0, 0), 0)):  # noqa: B008 - a span never changes
    """How many cubins are made for a graph with a kernel; and the driver."""
    fake = fake or FakeLibcuda()
    device = open_device(fake)
    graph = device.graph([KernelNode(ref, (1,), arguments)] * 2, [(), ()])
    graph.launch()
    device.synchronize()
    assert fake.problems == []
    return len(fake.called("cuLinkComplete")), fake


def test_a_kernel_is_compiled_once_and_then_loaded():
    first, made = linked(ZEROS)
    second, loaded = linked(ZEROS)
    assert (first, second) == (1, 0)
    assert loaded.launches == made.launches
    assert len(loaded.called("cuModuleLoadData")) == 1
    assert loaded.called("cuLinkCreate") == []


def test_code_is_kept_for_its_processor_and_driver(monkeypatch):
    assert linked(ZEROS)[0] == 1
    for capability in [(8, 0), (8, 6), (8, 8), (8, 7)]:  # of the last two LLVM makes the same
        assert linked(ZEROS, FakeLibcuda(capability=capability))[0] == 1
        assert linked(ZEROS, FakeLibcuda(capability=capability))[0] == 0
    fake = FakeLibcuda()
    monkeypatch.setattr(fake, "_cuDriverGetVersion", lambda out: fake.write(out, "i", 12040))
    assert linked(ZEROS, fake)[0] == 1


def test_the_key_names_all_that_code_depends_on(monkeypatch):
    keys = [
        cubin_key(ZEROS, ("a",)),
        cubin_key(ZEROS, ("b",)),
        cubin_key(TraceRef(make_zeros, ("float64", False)), ("a",)),
        cubin_key(TraceRef(make_zeros, ("float32", 0)), ("a",)),  # equal, and not the same
    ]
    monkeypatch.setattr(cubin, "_SOURCES", "others")
    keys.append(cubin_key(ZEROS, ("a",)))
    assert len(set(keys)) == 5
    assert None not in keys


def test_code_that_nobody_can_name_is_not_kept(folder, monkeypatch):
    for ref in [
        SCALE,  # from outside of the target
        TraceRef(lambda: make_zeros("float32", False)),
        TraceRef(make_zeros, (object(), False)),  # prints where it is
    ]:
        assert cubin_key(ref, ()) is None
    assert [linked(NOTHING, arguments=())[0] for _ in range(2)] == [1, 1]
    assert not [path for path in folder.rglob("*") if path.is_file()]
    with monkeypatch.context() as patched:  # a nest's name says nothing of what others write in an emitter's place
        patched.setitem(EMITTERS, "square", EMITTERS["neg"])
        assert cubin_key(ZEROS, ()) is None
    assert cubin_key(ZEROS, ()) is not None
    monkeypatch.setattr(cubin, "_SOURCES", None)  # as in an archive
    assert cubin_key(ZEROS, ()) is None


def test_shared_memory_is_kept_with_the_code(monkeypatch):
    monkeypatch.setattr(cubin, "cubin_key", lambda ref, toolchain: cache.key(ref.arguments))
    ref = TraceRef(make_reversal, (16384,))
    runs = [linked(ref, arguments=(Span(0, 0),)) for _ in range(2)]
    assert [count for count, _ in runs] == [1, 0]
    for _, fake in runs:
        assert [arguments[1:] for arguments in fake.called("cuFuncSetAttribute")] == [[8, 65536]]
        assert {launched[3] for launched in fake.launches} == {65536}


def test_a_damaged_entry_is_compiled_anew(folder):
    linked(ZEROS)
    (entry,) = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 200]
    data = bytearray(entry.read_bytes())
    data[-5] ^= 1
    entry.write_bytes(data)
    assert [linked(ZEROS)[0] for _ in range(2)] == [1, 0]


def test_equal_arguments_are_not_the_same():
    fake = FakeLibcuda()
    device = open_device(fake)
    refs = [TraceRef(make_constant, (value,)) for value in (1, 1.0, True, 1)]
    device.graph([KernelNode(ref, (1,), (Span(0, 0),)) for ref in refs], [()] * 4)
    assert len(fake.called("cuLinkComplete")) == 3
    assert fake.problems == []


def test_threads_that_want_the_same_kernel_compile_it_once():
    fake = FakeLibcuda()
    device = open_device(fake)
    node = KernelNode(SCALE, (1,), (Span(0, 0), Span(0, 0), 1.0, 0))
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: device.graph([node], [()]), range(6)))
    assert len(fake.called("cuLinkComplete")) == 1
    assert fake.problems == []


@pytest.mark.parametrize("name", ["cuLinkAddData", "cuLinkComplete"])
def test_what_the_drivers_compiler_says_is_shown(name, folder):
    fake = FakeLibcuda()
    fake.answers[name] = 218
    with pytest.raises(LoweringError) as caught:
        linked(ZEROS, fake)
    assert str(caught.value) == (
        f"The CUDA driver answers CUDA_ERROR_INVALID_PTX, 218, to {name}. The driver cannot compile what LLVM wrote. "
        "Its compiler says: ptxas application ptx input, line 9; error"
    )
    assert len(fake.called("cuLinkDestroy")) == 1
    fake.answers[name] = 999
    with pytest.raises(WeftError, match="CUDA_ERROR_UNKNOWN"):
        linked(ZEROS, fake)
    del fake.answers[name]
    assert linked(ZEROS, fake)[0] >= 1  # what failed was not kept

"""What `wf.doctor` says of devices and of functions that run there: what it says of transfers is what they transfer."""

from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.util import spec_from_loader
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import weft as wf
from weft.codegen.cuda import report
from weft.codegen.cuda.driver import libcuda
from weft.codegen.cuda.driver.simulated import SimulatedDevice
from weft.codegen.cuda.run.encode import GraphEncoder
from weft.codegen.cuda.run.transfers import FIRST, LATER, ONCE, PLAIN, transfers_of

from .fake_libcuda import FakeLibcuda

pytestmark = pytest.mark.filterwarnings("ignore:On the host:RuntimeWarning")


def lines_of(title, *function):
    """The lines of one part."""
    return next(list(part.lines) for part in wf.doctor(*function).parts if part.title.startswith(title))


def lines_of_devices():
    return lines_of("target 'cuda'")


# ---- the driver and the devices --------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch):
    """`wf.doctor` asks a fake driver."""

    def use(fake):
        libcuda.open_driver.cache_clear()
        monkeypatch.setattr(libcuda, "open_library", lambda: fake)
        return fake

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield use
    libcuda.open_driver.cache_clear()


def test_without_a_driver(monkeypatch):
    def refuse(name):
        raise OSError(f"{name}: cannot open shared object file")

    libcuda.open_driver.cache_clear()
    monkeypatch.setattr(libcuda.ctypes, "CDLL", refuse)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    first, second, *_ = lines_of_devices()
    assert first.startswith("No CUDA device can be used, since the driver's library")
    assert "install NVIDIA's driver, or compile for target='cpu'." in first
    assert '"cuda:simulator"' in second


def test_without_a_device(opened, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    opened(FakeLibcuda(devices=0))
    visible, first, *_ = lines_of_devices()
    assert visible == "CUDA_VISIBLE_DEVICES=-1: other devices are hidden"
    assert first.startswith("No CUDA device can be used. Make one visible (CUDA_VISIBLE_DEVICES)")
    fake = opened(FakeLibcuda())
    fake.answers["cuInit"] = 100
    assert "CUDA_ERROR_NO_DEVICE, 100, to cuInit" in lines_of_devices()[1]


def test_each_device_in_a_line(opened):
    fake = opened(FakeLibcuda(devices=2, capability=(8, 6), room=3 << 29))
    driver, first, second, *_ = lines_of_devices()
    assert driver.startswith("driver ")
    assert "for CUDA 0.99" in driver  # the fake's 990
    facts = "1.5 GiB, 132 multiprocessors, capability 8.6, which runs code for sm_86"
    assert (first, second) == (f"cuda:0: Fake 0, {facts}", f"cuda:1: Fake 1, {facts}")
    opening = {"cuDevicePrimaryCtxRetain", "cuStreamCreate", "cuMemAlloc", "cuMemPoolCreate"}
    assert not opening & {name.removesuffix("_v2") for name, *_ in fake.calls}
    assert fake.problems == []


def test_devices_that_cannot_be_used_are_said(opened):
    opened(FakeLibcuda(capability=(6, 1)))
    assert lines_of_devices()[1].startswith(
        "cuda:0: A device of capability 6.1 is older than all that weft compiles for"
    )
    fake = opened(FakeLibcuda(devices=2))
    fake.answers["cuDeviceTotalMem"] = 999
    for number, line in enumerate(lines_of_devices()[1:3]):
        assert line.startswith(f"cuda:{number}: The CUDA driver answers CUDA_ERROR_UNKNOWN, 999, to cuDeviceTotalMem")


def test_where_the_driver_comes_from(opened, monkeypatch, tmp_path):
    opened(FakeLibcuda())
    for name, text in {
        "_KERNEL_MODULE": "580.95.05\n",
        "_MAPS": "7f-80 r-xp 0 08:01 99    /usr/lib/libcuda.so.580\n",
    }.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(report, name, tmp_path / name)
    assert lines_of_devices()[0] == "driver 580.95.05, for CUDA 0.99, /usr/lib/libcuda.so.580"
    for name in ("_KERNEL_MODULE", "_MAPS"):
        monkeypatch.setattr(report, name, tmp_path / "none")
    assert lines_of_devices()[0] == "driver for CUDA 0.99"


def test_optional_packages(monkeypatch, tmp_path):
    def refuse(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(report.shutil, "which", lambda name: None)
    monkeypatch.setattr(report, "PathFinder", SimpleNamespace(find_spec=lambda name: None))
    monkeypatch.setattr(report, "version", refuse)
    assert [line.partition(" (")[0] for line in lines_of_devices()[-2:]] == [
        "optional, and not there: numba-cuda",
        "optional, and not there: ptxas",
    ]
    found = tmp_path / "cu13" / "bin" / "ptxas"
    found.parent.mkdir(parents=True)
    found.write_text("")
    spec = spec_from_loader("nvidia", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(report, "PathFinder", SimpleNamespace(find_spec={"nvidia": spec}.get))
    monkeypatch.setattr(report, "version", {"numba-cuda": "7.8"}.get)
    assert [line.partition(", ")[0] for line in lines_of_devices()[-2:]] == [
        "optional: numba-cuda 7.8",
        f"optional: {found}",
    ]
    monkeypatch.setattr(report.shutil, "which", lambda name: f"/bin/{name}")
    assert report.find_ptxas() == Path("/bin/ptxas")


# ---- what a call copies ----------------------------------------------------------------------------------------------


@pytest.fixture
def copied(monkeypatch):
    """(bytes, whether to the device) of what the simulated device copies from and to the host."""
    found = []
    upload, download = SimulatedDevice.upload, SimulatedDevice.download

    def record_upload(device, target, array):
        found.append((array.nbytes, True))
        upload(device, target, array)

    def record_download(device, array, source):
        found.append((array.nbytes, False))
        download(device, array, source)

    monkeypatch.setattr(SimulatedDevice, "upload", record_upload)
    monkeypatch.setattr(SimulatedDevice, "download", record_download)
    return found


def transfers(f):
    bound = f.bounds()[-1]
    return transfers_of(f, bound, GraphEncoder(bound, f.processor).encode())


def compiled(inputs, outputs, **options):
    return wf.function(inputs, outputs, target="cuda:simulator", on_unused_input="ignore", name="f", **options)


X = wf.matrix("x", (3, 3))
I = wf.vector("i", (5,), "int64")
UNUSED = wf.vector("unused", (7,))
A = np.array([[4, 1, 0], [1, 5, 2], [0, 2, 6]], np.float32)
INDICES = np.array([0, 2, 1, 1, 0])


def with_variable(**options):
    w = wf.shared(np.ones((3, 3), np.float32), "w")
    return compiled([X, UNUSED], [X @ w, wf.sum(X)], updates={w: w * 0.5}, **options), (A, np.zeros(7, np.float32))


def without_updates():
    w = wf.shared(np.ones((3, 3), np.float32), "w")
    return compiled([X], X + w), (A,)


def with_resizable():
    v = wf.shared(np.ones(6, np.float32), "v", shape=(None,))
    return compiled([X], X.sum(), updates={v: wf.concatenate([X[0], X[1]])}), (A,)


def with_constant():
    table = wf.constant(np.arange(30, dtype=np.float32).reshape(10, 3))
    return compiled([X], table @ X), (A,)


CASES = {
    "a variable": with_variable,
    "a variable that is read": without_updates,
    "results that stay": lambda: with_variable(results="device"),
    "results that are looked at": lambda: with_variable(results="device", nan="raise"),
    "new values that are looked at": lambda: with_variable(nan="raise"),
    "a variable of another size": with_resizable,
    "a constant": with_constant,
    "a step of LAPACK's": lambda: (compiled([X], wf.inv(X * 2) + 1), (A,)),
    "a callback": lambda: (compiled([X], wf.callback(np.negative, X.type, X * 2) + 1), (A,)),
    "indices that may be refused": lambda: (compiled([X, I], X[I] * 2), (A, INDICES)),
    "indices and results that stay": lambda: (compiled([X, I], X[I] * 2, results="device"), (A, INDICES)),
    "a loop of the graph": lambda: (compiled([X], wf.scan(lambda c, e: (c + e.sum(), c), 0.0, X)[0]), (A,)),
    "nothing to compute": lambda: (compiled([UNUSED], UNUSED[:0]), (np.zeros(7, np.float32),)),
    "an argument that is the result": lambda: (compiled([X], X), (A,)),
    "no arguments": lambda: (compiled([], wf.ones((2, 2)) * 3), ()),
}


@pytest.mark.parametrize("what", CASES)
def test_what_is_said_of_transfers_is_what_is_copied(copied, what):
    f, arguments = CASES[what]()
    said = [t for t in transfers(f) if t.when != LATER]
    del copied[:]
    f(*arguments)
    assert Counter((t.bytes, t.to_device) for t in said) == Counter(c for c in copied if c[0])
    for _ in range(2):
        said = [t for t in transfers(f) if t.when not in (FIRST, ONCE, LATER)]
        del copied[:]
        f(*arguments)
        assert Counter((t.bytes, t.to_device) for t in said) == Counter(c for c in copied if c[0])


def test_sizes_that_are_values(copied):
    for options in ({}, {"results": "device"}):
        f = compiled([X], X[X > 4], **options)
        for _ in range(2):
            f(A)
        said = []
        for function, is_read in ((f._counts, True), (f, False)):
            bound = function.bounds()[-1]
            encoded = GraphEncoder(bound, function.processor).encode()
            said += transfers_of(function, bound, encoded, is_read)
        del copied[:]
        f(A)
        assert Counter((t.bytes, t.to_device) for t in said if t.when not in (FIRST, ONCE)) == Counter(copied), options
        lines = lines_of("function 'f'", f)
        assert "sizes that are values are computed first" in lines[1]
        assert [line for line in lines if line.startswith("        8 bytes to the host")] == [
            "        8 bytes to the host: result 0"
        ]


def test_a_loop_that_the_host_counts(copied):
    start = wf.scalar("start")
    double = wf.while_loop(lambda c: c < 100, lambda c: wf.callback(np.negative, c.type, c * -2), start, max_steps=50)
    f = compiled([start], double)
    assert f(3.0) == 192
    said = transfers(f)
    each = [t for t in said if t.when == "at each of at most 50 steps of scan"]
    assert {(4, True), (4, False), (1, False)} == {(t.bytes, t.to_device) for t in each}
    once = [t for t in said if t not in each and t.when != FIRST and t.when != ONCE]
    del copied[:]
    f(3.0)
    expected = Counter((t.bytes, t.to_device) for t in once)
    for t in each:
        expected[t.bytes, t.to_device] += 6  # the steps from 3 to 192
    assert Counter(copied) == expected
    lines = lines_of("function 'f'", f)
    assert any(line.endswith("scan: the host counts the steps, which run as follows") for line in lines)
    assert any(line.startswith("to mend: scan at ") for line in lines)


def test_a_branch(copied):
    f = compiled([X], wf.cond(X[0, 0] > 0, lambda: wf.exp(X), lambda: wf.callback(np.negative, X.type, X)))
    f(A)
    for sign, negative in ((1, 0), (-1, 2)):
        del copied[:]
        f(sign * A)
        said = transfers(f)
        taken = [t for t in said if t.when == "where cond takes that branch"]
        assert [(t.bytes, t.to_device) for t in taken] == [(36, False), (36, True)]
        always = [t for t in said if t not in taken and t.when not in (FIRST, ONCE)]
        assert Counter(copied) == Counter((t.bytes, t.to_device) for t in [*always, *taken[:negative]])
    assert "1 byte to the host: the condition of cond" in map(str, said)
    assert any("wf.where computes both sides" in line for line in lines_of("function 'f'", f))


def test_an_argument_on_the_device_is_not_copied(copied):
    f = compiled([X], X * 2, results="device")
    array = f(A)
    assert isinstance(array, wf.DeviceArray)
    left = [t for t in transfers(f) if t.when not in (FIRST, PLAIN)]
    del copied[:]
    again = f(array)
    assert copied == left == []
    np.testing.assert_array_equal(np.asarray(again), 4 * A)


# ---- where steps run -------------------------------------------------------------------------------------------------


def test_each_step_has_its_place():
    y = wf.inv(X.T @ X) @ wf.callback(np.negative, X.type, X)
    f = compiled([X], [y, wf.scan(lambda c, e: (wf.tanh(c + e.sum()), c), 0.0, X)[0]])
    steps = {line.split(": ")[1]: line.strip() for line in lines_of("function 'f'", f) if line.startswith("    step")}
    by_host = [line for line in steps.values() if line.endswith(": on the host")]
    assert sorted(line.split(": ")[1] for line in by_host) == ["callback:negative", "inverse"]
    assert ": on the device: tf32x3 in tiles of " in steps["matmul"]
    assert ": on the device, its steps as nodes of graphs" in steps["scan"]
    inner = [line for line in lines_of("function 'f'", f) if line.startswith("        step")]
    assert len(inner) == 2
    assert all(": on the device: " in line and line.endswith(", 3 times") for line in inner)


def test_each_kernel_of_a_step_has_its_line():
    f = compiled([X, I], wf.index_set(X, I, 0.5))
    lines = lines_of("function 'f'", f)
    where = next(number for number, line in enumerate(lines) if line.endswith(": scatter_set: on the device"))
    bound = f.bounds()[-1]
    nodes = [n for s in GraphEncoder(bound, f.processor).encode().segments for n in s.nodes]
    labels = [n.label for n in nodes if n.step.label == "scatter_set"]
    assert len(set(labels)) == len(labels) > 1
    assert lines[where + 1 : where + 1 + len(labels)] == [f"{' ' * 8}{label}" for label in labels]


def test_steps_without_elements_are_nothing_to_do():
    y = wf.vector("y", ("n",))
    f = compiled([y], wf.exp(y))
    f(np.zeros(0, np.float32))
    lines = lines_of("function 'f'", f)
    assert "    step 0: exp: nothing to do" in lines
    assert lines[1] == "its steps, with n = 0:"


def test_loops_say_once_what_they_copy_often():
    f = compiled([X], wf.scan(lambda c, e: (wf.callback(np.negative, c.type, c + e.sum()), c), 0.0, X)[0])
    lines = lines_of("function 'f'", f)
    assert sum("3 times 4 bytes to the host: callback" in line for line in lines) == 1
    assert sum("3 times 4 bytes to the device: callback" in line for line in lines) == 1


def test_before_the_first_call_the_host_steps_are_known():
    y = wf.matrix("y", ("n", "n"))
    lines = lines_of("function 'f'", compiled([y], wf.inv(y)))
    assert "there was no call yet" in lines[1]
    assert lines[2].startswith("inverse at ")
    assert lines[2].endswith(": on the host")


def test_code_without_a_device():
    f = wf.function([X], X @ X, target="cuda:sm_80", name="f")
    lines = lines_of("function 'f' runs on the target 'cuda:sm_80'", f)
    assert lines[0] == "on cuda:sm_80, with code for sm_80"
    assert any("matmul: on the device: tf32x3" in line for line in lines)
    assert "it cannot be called" in lines[-1]
    assert not any("transfers" in line for line in lines)


# ---- what would mend it ----------------------------------------------------------------------------------------------


def ways(f):
    return [line.removeprefix("to mend: ") for line in lines_of("function 'f'", f) if line.startswith("to mend: ")]


def test_ways_to_copy_less():
    found = ways(compiled([X], X * 2))
    assert [way.split()[0] for way in found] == ["an", 'function(results="device")', "this"]
    f = compiled([X], X * 2, results="device", inf="raise")
    assert any(way.startswith('nan="raise" and inf="raise" look at results') for way in ways(f))
    assert not any("wf.DeviceArray" in way for way in ways(compiled([], wf.ones((2, 2)), results="device")))


def test_ways_of_variables():
    f, arguments = with_variable()
    assert any("let all functions that share a variable run on one target" in way for way in ways(f))
    f(*arguments)
    assert not any("let all functions" in way for way in ways(f))
    f, _ = with_resizable()
    assert any(way.startswith("variables whose sizes may change") for way in ways(f))


@dataclass(frozen=True)
class Backwards(wf.Op):
    """x[::-1]."""

    def infer(self, x):
        return x

    def numpy(self, x):
        return x[::-1].copy()


def test_ways_of_what_the_host_computes():
    found = "\n".join(ways(compiled([X], wf.inv(X) + wf.callback(np.negative, X.type, X) + wf.apply(Backwards(), X))))
    assert 'has no kernel on a device: give it one with @wf.kernel(Inverse, "cuda"); else call it seldom.' in found
    assert '@wf.kernel(Backwards, "cuda"), or an `expand` method in terms of other ops; else' in found
    assert "runs Python on the host, which waits for the device: write it with weft's operations." in found

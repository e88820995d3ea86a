"""Arrays that stay on a device: results, arguments, and those of other libraries."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import numpy as np

from ...codegen.cuda.driver.device_array import DeviceArray
from ...ops.linalg import matmul
from ...ops.reduce import sum as sum_over
from ...symbolic.variables import matrix, shared, tensor, vector
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import compare, compare_exactly, move_apart, normal, require

DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
FLOATS = ("float16", "float32", "float64")


def _same(setting: DeviceSetting, dtype: str, rank: int) -> Any:
    """A function whose result stays on the device: its argument."""
    x = tensor("x", (None,) * rank, dtype)
    return setting.compile([x], x, results="device")


def check_round_trips(setting: DeviceSetting) -> None:
    """An array of any dtype and shape goes to the device and comes back as it was."""
    for dtype in (*DTYPES, *FLOATS):
        for shape in ((), (0,), (1,), (5, 0, 3), (7, 5)):
            value = np.asarray(normal(shape) > 0 if dtype == "bool" else (normal(shape) * 50).astype(dtype))
            f = _same(setting, dtype, len(shape))
            held = f(move_apart(value))
            require(isinstance(held, DeviceArray), f'results="device" gives a {type(held).__name__}.')
            compare_exactly(f"{dtype}{shape}", held.numpy(), value)
            compare_exactly(f"{dtype}{shape}, twice", np.asarray(f(held)), value)


def check_facts(setting: DeviceSetting) -> None:
    """What a DeviceArray says of itself, as a number, copied and pickled."""
    value = normal((3, 4))
    held = _same(setting, "float32", 2)(value)
    facts = held.shape, held.dtype, held.ndim, held.size, held.nbytes, len(held)
    require(facts == ((3, 4), np.float32, 2, 12, 48, 3), f"A DeviceArray says {facts} of itself.")
    for other in (pickle.loads(pickle.dumps(held)), copy.copy(held), copy.deepcopy(held), held.copy()):
        compare_exactly("a copy", np.asarray(other), value)
    one = _same(setting, "float64", 0)(np.float64(2.5))
    require(float(one) == 2.5 and one.item() == 2.5 and f"{one:.1f}" == "2.5", "A DeviceArray is another number.")
    require(held.tolist() == value.tolist() and "DeviceArray" in repr(held), "A DeviceArray prints wrongly.")


def check_chain(setting: DeviceSetting) -> None:
    """Functions one after the other, whose arrays the host never sees, and results that stay as they were."""
    n = setting.pick(500, 20)
    x, y = matrix("x", ("n", n)), matrix("y", ("n", n))
    f = setting.compile([x, y], [matmul(x, y), x - y], results="device")
    first, second = normal((n, n)), normal((n, n), seed=1)
    held, exact = [f(first, second)], [(first.astype("float64") @ second, first - second)]
    for number in range(5):
        held.append(f(*held[-1]))
        a, b = exact[-1]
        exact.append((a @ b, a - b))
        compare(f"call {number}", np.asarray(held[-1][1]), exact[-1][1].astype("float32"), 512)
    for number, (found, expected) in enumerate(zip(held, exact, strict=True)):
        compare(f"the product of call {number} at the end", found[0].numpy(), expected[0].astype("float32"), 4096)


def check_aliases(setting: DeviceSetting) -> None:
    """A result that is an argument, or a variable, does not change with it."""
    x, w = vector("x", (8,)), shared(np.ones(8, "float32"), "w")
    f = setting.compile([x], [x, w], {w: w + x}, results="device")
    start = setting.compile([x], x * 1.0, results="device")(np.full(8, 3, "float32"))
    before, variable = f(start)
    again, later = f(start)
    for found, expected in ((before, 3), (again, 3), (variable, 1), (later, 4), (start, 3)):
        compare_exactly("a result", found.numpy(), np.full(8, expected, "float32"))
    compare_exactly("the variable", w.get_value(), np.full(8, 7, "float32"))


def check_casts(setting: DeviceSetting) -> None:
    """Arrays on the device of another dtype are cast where nothing is lost, as NumPy's are."""
    held = _same(setting, "int16", 1)(np.arange(-3, 4, dtype="int16"))
    x = vector("x", ("n",), "float64")
    f = setting.compile([x], [x * 2.0, sum_over(x * x)])
    doubled, total = f(held)
    compare_exactly("twice the numbers", doubled, np.arange(-6, 8, 2, dtype="float64"))
    compare_exactly("the sum of squares", total, np.float64(28))


def check_memory(setting: DeviceSetting) -> None:
    """Thousands of results that nobody keeps are given back."""
    n = setting.pick(1 << 22, 1 << 12)
    x = vector("x", (n,))
    f = setting.compile([x], x + 1.0, results="device")
    held = f(np.zeros(n, "float32"))
    calls = setting.pick(8000, 50)  # on a device 128 GB of results
    for _ in range(calls):
        held = f(held)
    gc.collect()
    compare_exactly("the last result", held.numpy(), np.full(n, calls + 1, "float32"))


def check_dlpack(setting: DeviceSetting) -> None:
    """NumPy reads an array by DLPack where the device's memory is the host's, and refuses it elsewhere."""
    value = normal((4, 3))
    held = _same(setting, "float32", 2)(value)
    if held.__dlpack_device__()[0] == 1:
        compare_exactly("np.from_dlpack", np.from_dlpack(held), value)
    else:
        compare_exactly("DLPack, copied to the host", np.from_dlpack(_OnTheHost(held)), value)


class _OnTheHost:
    """An array that is asked for on the host, as NumPy 2.1 and later can by themselves."""

    def __init__(self, held: DeviceArray):
        self.held = held

    def __dlpack__(self, **options: Any) -> Any:
        return self.held.__dlpack__(dl_device=(1, 0))

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def check_libraries(setting: DeviceSetting) -> None:
    """PyTorch, CuPy and JAX read weft's arrays in their place, and weft theirs."""
    from .foreign import cupy, jax, torch

    value = normal((6, 5))
    if setting.device().dlpack_device is None:
        return  # no other library sees a simulated device
    held = _same(setting, "float32", 2)(value)
    x = matrix("x", ("n", 5))
    double = setting.compile([x], x * 2.0, results="device")
    ways = {
        "torch": torch and (torch.from_dlpack, lambda a: a.cpu().numpy()),
        "cupy": cupy and (cupy.from_dlpack, lambda a: a.get()),
        "jax": jax and (jax.dlpack.from_dlpack, np.asarray),
    }
    for name, way in ways.items():
        if way:
            theirs = way[0](held)
            compare_exactly(f"{name} reads", way[1](theirs), value)
            compare_exactly(f"weft reads {name}'s", double(theirs * 2).numpy(), value * 4)
    if torch:
        _check_order(torch, double)


def _check_order(torch: Any, double: Any) -> None:
    """What PyTorch is still computing is waited for, and the other way round, without a word of the user's."""
    big = torch.full((20000, 5), 1.0, device="cuda")
    for _ in range(50):
        big = torch.from_dlpack(double(big * 0.5))
    compare_exactly("fifty steps by turns", big.cpu().numpy(), np.ones((20000, 5), "float32"))


def checks() -> list[DeviceCheck]:
    """All of the group."""
    return group_checks(
        "transfers",
        {
            "round trips": check_round_trips,
            "facts": check_facts,
            "a chain of functions": check_chain,
            "aliases": check_aliases,
            "casts": check_casts,
            "memory": check_memory,
            "DLPack": check_dlpack,
            "other libraries": check_libraries,
        },
    )

"""What `doctor` says of NVIDIA's devices: the driver, each device, and packages that are optional."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ...symbolic.errors import WeftError
from .driver.devices import SIMULATOR
from .driver.libcuda import Driver, open_driver
from .driver.structures import CAPABILITY_MAJOR, CAPABILITY_MINOR, MULTIPROCESSORS
from .trace.ptx import ISA, architecture

_NAME_BYTES = 256
_KERNEL_MODULE = Path("/sys/module/nvidia/version")
_MAPS = Path("/proc/self/maps")  # what files a process has in its memory


def report() -> Iterable[str]:
    """The driver and the devices, or what is missing; then what works without a device."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        yield f"CUDA_VISIBLE_DEVICES={visible}: other devices are hidden"
    try:
        driver = open_driver()
        yield _driver(driver)
        for ordinal in range(driver.number("cuDeviceGetCount")):
            yield _device(driver, ordinal)
    except WeftError as error:
        yield str(error)
    kinds = f"{next(iter(ISA))} .. {list(ISA)[-1]}"
    yield f'without a device: "cuda:{SIMULATOR}" runs functions slowly; "cuda:sm_90" and the like show code ({kinds})'
    yield from _optional()


def _driver(driver: Driver) -> str:
    major, minor = divmod(driver.number("cuDriverGetVersion") // 10, 100)
    module = _read(_KERNEL_MODULE).strip()
    lines = [line.split(None, 5)[-1] for line in _read(_MAPS).splitlines() if "libcuda.so" in line]
    return f"driver {module + ', ' if module else ''}for CUDA {major}.{minor}{', ' + lines[0] if lines else ''}"


def _read(file: Path) -> str:
    """A file of the system's; "" where there is none."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def _device(driver: Driver, ordinal: int) -> str:
    """A device in one line; or why it cannot be used."""
    try:
        device = driver.number("cuDeviceGet", ordinal)
        name, total = ctypes.create_string_buffer(_NAME_BYTES), ctypes.c_size_t()
        driver.call("cuDeviceGetName", name, _NAME_BYTES, device)
        driver.call("cuDeviceTotalMem", ctypes.byref(total), device)
        numbers = (MULTIPROCESSORS, CAPABILITY_MAJOR, CAPABILITY_MINOR)
        count, major, minor = (driver.number("cuDeviceGetAttribute", number, device) for number in numbers)
        kind = f"capability {major}.{minor}, which runs code for {architecture(major, minor)}"
        facts = f"{total.value / 2**30:.1f} GiB, {count} multiprocessors, {kind}"
        return f"cuda:{ordinal}: {name.value.decode(errors='replace')}, {facts}"
    except WeftError as error:
        return f"cuda:{ordinal}: {error}"


# ---- optional packages -----------------------------------------------------------------------------------------------


def _optional() -> Iterator[str]:
    try:
        yield f"optional: numba-cuda {version('numba-cuda')}, for kernels that numba.cuda.jit decorates"
    except PackageNotFoundError:
        yield "optional, and not there: numba-cuda (pip install numba-cuda), for kernels that numba.cuda.jit decorates"
    found = find_ptxas()
    if found is None:
        yield "optional, and not there: ptxas (pip install nvidia-cuda-nvcc), which tests assemble kernels with"
    else:
        yield f"optional: {found}, which tests assemble kernels with"


def find_ptxas() -> Path | None:
    """NVIDIA's assembler: in the path, or in its package; None where there is none."""
    named = shutil.which("ptxas")
    if named is not None:
        return Path(named)
    package = PathFinder.find_spec("nvidia")
    folders = [] if package is None else list(package.submodule_search_locations or ())
    return next((file for folder in folders for file in sorted(Path(folder).glob("*/bin/ptxas"))), None)

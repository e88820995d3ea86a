"""What checks and figures were made on: the device, its driver, and the versions of what weft stands on."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version

from ...codegen.cuda.driver.cuda_device import CUDADevice
from .check import DeviceSetting

LIBRARIES = ("numpy", "llvmlite", "numba")


def describe_device(setting: DeviceSetting) -> str:
    """The device in a line or two.  Raises LoweringError where there is none."""
    device = setting.device()
    known = f"{device.name}: {device.architecture}, {device.processor.multiprocessors} multiprocessors"
    if isinstance(device, CUDADevice):
        number = device.driver.number("cuDriverGetVersion")
        known = f"{known}, CUDA {number // 1000}.{number % 1000 // 10}"
    libraries = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    return f"{known}{_cards(device)}\nPython {platform.python_version()}, {libraries}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "of no known version"


def _cards(device: object) -> str:
    """The names of the cards and of the driver, where the driver's tool is there to tell."""
    tool = shutil.which("nvidia-smi")
    if tool is None or not isinstance(device, CUDADevice):
        return ""
    command = [tool, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return "".join(f"\n    {line.strip()}" for line in answer.splitlines())

"""The CUDA driver through ctypes: its functions by name, each of whose answers is checked.

Nothing is loaded before it is asked for, so that machines without a driver can import this.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from typing import Any

from ....symbolic.errors import LoweringError, OutOfMemoryError, VerifyError, WeftError
from .structures import ADDRESS, HANDLE, SIZE

_P, _I, _U = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint

# The arguments of what is called.  Pointers to what the driver fills or reads are void pointers.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "cuInit": (_U,),
    "cuDriverGetVersion": (_P,),
    "cuGetErrorName": (_I, _P),
    "cuGetErrorString": (_I, _P),
    "cuDeviceGetCount": (_P,),
    "cuDeviceGet": (_P, _I),
    "cuDeviceGetAttribute": (_P, _I, _I),
    "cuDeviceGetName": (_P, _I, _I),
    "cuDeviceTotalMem": (_P, _I),
    "cuDevicePrimaryCtxRetain": (_P, _I),
    "cuCtxGetCurrent": (_P,),
    "cuCtxSetCurrent": (HANDLE,),
    "cuCtxPushCurrent": (HANDLE,),
    "cuCtxPopCurrent": (_P,),
    "cuCtxSynchronize": (),
    "cuStreamCreate": (_P, _U),
    "cuStreamSynchronize": (HANDLE,),
    "cuStreamWaitEvent": (HANDLE, HANDLE, _U),
    "cuEventCreate": (_P, _U),
    "cuEventRecord": (HANDLE, HANDLE),
    "cuEventSynchronize": (HANDLE,),
    "cuMemGetInfo": (_P, _P),
    "cuMemAlloc": (_P, SIZE),
    "cuMemFree": (ADDRESS,),
    "cuMemPoolCreate": (_P, _P),
    "cuMemPoolSetAttribute": (HANDLE, _I, _P),
    "cuMemPoolTrimTo": (HANDLE, SIZE),
    "cuMemAllocFromPoolAsync": (_P, SIZE, HANDLE, HANDLE),
    "cuMemFreeAsync": (ADDRESS, HANDLE),
    "cuMemHostAlloc": (_P, SIZE, _U),
    "cuMemcpyHtoDAsync": (ADDRESS, _P, SIZE, HANDLE),
    "cuMemcpyDtoHAsync": (_P, ADDRESS, SIZE, HANDLE),
    "cuMemcpyDtoDAsync": (ADDRESS, ADDRESS, SIZE, HANDLE),
    "cuPointerGetAttribute": (_P, _I, ADDRESS),
    "cuLinkCreate": (_U, _P, _P, _P),
    "cuLinkAddData": (HANDLE, _I, _P, SIZE, ctypes.c_char_p, _U, _P, _P),
    "cuLinkComplete": (HANDLE, _P, _P),
    "cuLinkDestroy": (HANDLE,),
    "cuModuleLoadData": (_P, _P),
    "cuModuleGetFunction": (_P, HANDLE, ctypes.c_char_p),
    "cuFuncSetAttribute": (HANDLE, _I, _I),
    "cuGraphCreate": (_P, _U),
    "cuGraphDestroy": (HANDLE,),
    "cuGraphAddKernelNode": (_P, HANDLE, _P, SIZE, _P),
    "cuGraphAddMemcpyNode": (_P, HANDLE, _P, SIZE, _P, HANDLE),
    "cuGraphAddMemsetNode": (_P, HANDLE, _P, SIZE, _P, HANDLE),
    "cuGraphAddEmptyNode": (_P, HANDLE, _P, SIZE),
    "cuGraphInstantiateWithFlags": (_P, HANDLE, ctypes.c_ulonglong),
    "cuGraphExecKernelNodeSetParams": (HANDLE, HANDLE, _P),
    "cuGraphExecMemcpyNodeSetParams": (HANDLE, HANDLE, _P, HANDLE),
    "cuGraphExecMemsetNodeSetParams": (HANDLE, HANDLE, _P, HANDLE),
    "cuGraphExecDestroy": (HANDLE,),
    "cuGraphLaunch": (HANDLE, HANDLE),
}
# Those whose present form is exported with `_v2` behind the name.  Drivers before CUDA 12 lack it of the last two, of
# which the first form takes the same structure without its last fields; no driver in use lacks the others.
_MEMORY = ("cuMemGetInfo", "cuMemAlloc", "cuMemFree", "cuMemcpyHtoDAsync", "cuMemcpyDtoHAsync", "cuMemcpyDtoDAsync")
_OTHERS = ("cuDeviceTotalMem", "cuCtxPushCurrent", "cuCtxPopCurrent", "cuLinkCreate", "cuLinkAddData")
_SECOND_VERSIONS = (*_MEMORY, *_OTHERS, "cuGraphAddKernelNode", "cuGraphExecKernelNodeSetParams")

INVALID_VALUE, OUT_OF_MEMORY, NO_DEVICE = 1, 2, 100  # of the CUresults

_OLD_DRIVER = "Install a newer driver."
_WRONG_ACCESS = "This is a mistake in weft's kernel; the process has to start again before it can use the device."
_NEW_PROCESS = "The process has to start again before it can use the device."
_BUSY = "Other programs hold the device, or its administrator has forbidden to use it: see nvidia-smi."
_ADVICE: dict[int, tuple[type[WeftError], str]] = {
    OUT_OF_MEMORY: (OutOfMemoryError, "Free arrays, use smaller ones, or end other programs that use the device."),
    3: (WeftError, "Processes that use CUDA are to be started with the method 'spawn', and not forked."),
    34: (LoweringError, "This libcuda is a stub for linking: put the driver's own library before it in the path."),
    46: (LoweringError, _BUSY),
    NO_DEVICE: (LoweringError, "Make one visible (CUDA_VISIBLE_DEVICES), or compile for target='cpu'."),
    101: (LoweringError, "CUDA_VISIBLE_DEVICES says which devices a process sees."),
    200: (LoweringError, _OLD_DRIVER),
    209: (LoweringError, _OLD_DRIVER),
    218: (LoweringError, "The driver cannot compile what LLVM wrote."),
    222: (LoweringError, _OLD_DRIVER),
    214: (WeftError, "The device's memory is damaged: see nvidia-smi."),
    700: (VerifyError, _WRONG_ACCESS),
    701: (VerifyError, "A kernel needs more registers or shared memory than the device has."),
    702: (WeftError, "A kernel ran for longer than the system allows; use a device that no screen is connected to."),
    715: (VerifyError, _WRONG_ACCESS),
    716: (VerifyError, _WRONG_ACCESS),
    717: (VerifyError, _WRONG_ACCESS),
    718: (VerifyError, _WRONG_ACCESS),
    719: (WeftError, _NEW_PROCESS),
    802: (LoweringError, "The system is not ready: start NVIDIA's fabric manager."),
    803: (LoweringError, "The driver's library and its kernel module have different versions: restart the machine."),
    804: (LoweringError, _OLD_DRIVER),
    900: (WeftError, "A stream is being captured: call weft's functions outside of the capture."),
    906: (WeftError, "A stream is being captured: call weft's functions outside of the capture."),
}


class Driver:
    """The functions of a library that is open."""

    def __init__(self, library: Any):
        self.process = os.getpid()
        self.functions: dict[str, Any] = {name: _find(library, name) for name in ARGUMENTS}

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function.  Raises what its answer stands for."""
        code = self.functions[name](*arguments)
        if code:
            raise self.error(name, code)

    def error(self, name: str, code: int, more: str = "") -> WeftError:
        """The error that an answer stands for, as a sentence, with what else is known."""
        kind, advice = _ADVICE.get(code, (WeftError, ""))
        title, text = self._text("cuGetErrorName", code), self._text("cuGetErrorString", code)
        reason = f" ({text})" if text else ""
        answer = f"The CUDA driver answers {title or 'an error that it does not name'}, {code}, to {name}{reason}."
        return kind(" ".join(part for part in (answer, advice, more) if part))

    def _text(self, name: str, code: int) -> str:
        found = ctypes.c_char_p()
        self.functions[name](code, ctypes.byref(found))
        return (found.value or b"").decode(errors="replace")

    def number(self, name: str, *arguments: Any) -> int:
        """The int that a function writes behind its first argument."""
        found = ctypes.c_int()
        self.call(name, ctypes.byref(found), *arguments)
        return found.value

    def handle(self, name: str, *arguments: Any) -> int:
        """The handle or address that a function writes behind its first argument; 0 for none."""
        found = ctypes.c_void_p()
        self.call(name, ctypes.byref(found), *arguments)
        return found.value or 0

    @property
    def is_forked(self) -> bool:
        """Whether this process is a child of the one that opened the driver."""
        return os.getpid() != self.process

    def check_process(self) -> None:
        """Raises WeftError in a child of the process that opened the driver: it cannot work there."""
        if self.is_forked:
            raise WeftError(
                "CUDA was used before this process was forked, and does not work in the child: start processes with "
                "the method 'spawn', or use CUDA in the children alone."
            )


def _find(library: Any, name: str) -> Any:
    symbols = (f"{name}_v2", name) if name in _SECOND_VERSIONS else (name,)
    found = next((f for f in (getattr(library, symbol, None) for symbol in symbols) if f is not None), None)
    if found is None:
        raise LoweringError(f"The CUDA driver has no {name}: it is older than CUDA 11.4. {_OLD_DRIVER}")
    found.argtypes, found.restype = ARGUMENTS[name], ctypes.c_int
    return found


def open_library() -> Any:
    """The driver's library.  Raises LoweringError where there is none."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise LoweringError(
            f"No CUDA device can be used, since the driver's library {name} is not there: install NVIDIA's driver, or "
            "compile for target='cpu'."
        ) from error


@functools.cache
def open_driver() -> Driver:
    """The driver, ready to be used.  Raises LoweringError where there is none, or no device."""
    return start(open_library())


def start(library: Any) -> Driver:
    """The driver of a library, ready to be used.  Raises LoweringError where it has no device."""
    driver = Driver(library)
    code = driver.functions["cuInit"](0)
    if code:
        raise LoweringError(f"No CUDA device can be used. {driver.error('cuInit', code)}")
    if not driver.number("cuDeviceGetCount"):
        raise LoweringError(f"No CUDA device can be used. {_ADVICE[NO_DEVICE][1]}")
    return driver

"""The code of kernels, run by this processor: LLVM's IR as it becomes PTX, one thread after the other.

Kernels without barriers, shuffles and shared memory run so: what the compiled face does is compared with the simulator.
"""

import ctypes
import itertools
import re

import numpy as np

from weft.codegen.cpu.run import native
from weft.codegen.cpu.run.compiler import compile_ir
from weft.codegen.cuda.trace.kernel import Pointer
from weft.codegen.cuda.trace.ptx_builder import PTXBuilder

_serial = itertools.count()
_REGISTERS = [f"{what}.{axis}" for what in ("tid", "ctaid", "nctaid") for axis in "xyz"]
_C = {"i4": ctypes.c_int32, "i8": ctypes.c_int64, "f4": ctypes.c_float, "f8": ctypes.c_double, "b1": ctypes.c_bool}


def compiled(kernel):
    """(the kernel as a C function, where its special registers are)."""
    name = f"host_{kernel.name}_{next(_serial)}"
    text = PTXBuilder(kernel).module_text()
    text = re.sub(rf'define ptx_kernel void @"{kernel.name}"', f'define void @"{name}"', text)
    text = re.sub(r' "nvvm\.[a-z]+"="\d+"', "", text)
    for number, register in enumerate(_REGISTERS):
        intrinsic = f'@"llvm.nvvm.read.ptx.sreg.{register}"'
        text = re.sub(rf"declare i32 {re.escape(intrinsic)}\(\)", "", text)
        load = f"load i32, ptr getelementptr (i32, ptr @registers_{name}, i32 {number})"
        text = re.sub(rf"call i32 {re.escape(intrinsic)}\(\)[^\n]*", load, text)
    text += f"\n@registers_{name} = global [{len(_REGISTERS)} x i32] zeroinitializer\n"
    text += f"define ptr @where_{name}() {{ ret ptr @registers_{name} }}\n"
    function, where = native.add_object(compile_ir(text), (name, f"where_{name}"))
    return function, ctypes.CFUNCTYPE(ctypes.c_void_p)(where)()


def run(kernel, grid, arguments):
    """All threads of a grid; arrays are changed in place."""
    function, where = compiled(kernel)
    kinds, given = [], []
    for parameter, argument in zip(kernel.parameters, arguments, strict=True):
        if isinstance(parameter, Pointer):
            assert argument.ctypes.data % 16 == 0 or not argument.size
            kinds.append(ctypes.c_void_p)
            given.append(argument.ctypes.data)
        else:
            kinds.append(_C[parameter.str[1:]])
            given.append(argument)
    call = ctypes.CFUNCTYPE(None, *kinds)(function)
    registers = (ctypes.c_int32 * len(_REGISTERS)).from_address(where)
    sizes = (*grid, *[1] * (3 - len(grid)))
    registers[6:9] = sizes
    for z, y, x in itertools.product(*map(range, reversed(sizes))):
        registers[3:6] = (x, y, z)
        for thread in range(kernel.threads):
            registers[0] = thread
            call(*given)


def aligned(array):
    """A flat copy that begins at a multiple of 16."""
    flat = np.ascontiguousarray(array).reshape(-1)
    raw = np.empty(flat.nbytes + 16, np.uint8)
    start = -raw.ctypes.data % 16
    found = raw[start : start + flat.nbytes].view(flat.dtype)
    found[:] = flat
    return found

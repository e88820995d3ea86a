"""Run plans of structured kernels in the simulator, every buffer exactly as large as its operand needs."""

from collections.abc import Callable, Sequence

import numpy as np

from weft.codegen.cuda.launch import Failure, GridPlan, Processor, Slot, SlotKind, Strided
from weft.codegen.cuda.trace.kernel import Pointer, TraceRef
from weft.codegen.cuda.trace.ptx import to_ptx
from weft.codegen.cuda.trace.ptx_builder import PTXBuilder
from weft.codegen.cuda.trace.simulator import simulate

PROCESSOR = Processor(90, 4)
NUMBER = 3  # of the step, among the flags
ARRANGEMENTS = ("plain", "turned", "gaps", "transposed", "repeated")


def arrange(array: np.ndarray, how: str) -> np.ndarray:
    """The same shape and values, lying in memory in another way; "repeated" has the first values everywhere."""
    all_axes = [slice(None, None, -1)] * array.ndim
    if how == "turned":
        return np.ascontiguousarray(array[tuple(all_axes)])[tuple(all_axes)]
    if how == "gaps" and array.ndim:
        wide = np.zeros([2 * size + 1 for size in array.shape], array.dtype)
        view = wide[(slice(1, None, 2),) * array.ndim]
        view[...] = array
        return view
    if how == "transposed":
        return np.ascontiguousarray(array.T).T
    if how == "repeated" and array.ndim:
        return np.broadcast_to(array[:1], array.shape)
    return np.ascontiguousarray(array).reshape(array.shape)


def describe(array: np.ndarray) -> tuple[Strided, np.ndarray]:
    """An array as a planner sees it, and a buffer that ends with its last element."""
    steps = tuple(stride // array.itemsize for stride in array.strides)
    if array.size == 0:
        return Strided(array.dtype, array.shape, steps), np.zeros(0, array.dtype)
    reaches = [step * (size - 1) for step, size in zip(steps, array.shape, strict=True)]
    start = -sum(min(reach, 0) for reach in reaches)
    memory = np.zeros(start + sum(max(reach, 0) for reach in reaches) + 1, array.dtype)
    strides = tuple(step * array.itemsize for step in steps)
    np.lib.stride_tricks.as_strided(memory[start:], array.shape, strides)[...] = array
    return Strided(array.dtype, array.shape, steps, start), memory


def run(plan: GridPlan, out: Strided, buffers: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The output, of which nothing is written before, and the flags."""
    result = np.full(int(np.prod(out.shape)) * out.dtype.itemsize, 0xCD, np.uint8)
    operands = [result, *(buffer.view(np.uint8) for buffer in buffers)]
    before = [array.copy() for array in operands[1:]]
    scratch = [np.full(size, 0xCD, np.uint8) for size in plan.scratch]
    memory = {SlotKind.OPERAND: operands, SlotKind.SCRATCH: scratch, SlotKind.TABLE: list(plan.tables)}
    flags = np.zeros(8, np.int32)
    for launch in plan.launches:
        kernel = launch.kernel.trace()
        arguments = []
        for parameter, argument in zip(kernel.parameters, launch.arguments, strict=True):
            if isinstance(argument, Slot):
                assert isinstance(parameter, Pointer)
                arguments.append(memory[argument.source][argument.number].view(parameter.dtype))
            elif isinstance(argument, Failure):
                arguments.append(flags if argument is Failure.FLAGS else NUMBER)
            else:
                assert np.iinfo(parameter).min <= argument <= np.iinfo(parameter).max
                arguments.append(argument)
        simulate(kernel, launch.grid, arguments)
    assert all((now == then).all() for now, then in zip(operands[1:], before, strict=True)), "an argument was changed"
    return result.view(out.dtype).reshape(out.shape), flags


def make_plan(planner: Callable, dtype, shape, *arrays: np.ndarray, **fields) -> tuple[GridPlan, Strided, list]:
    """A planner's plan for arrays, its output, and the arrays' buffers."""
    described = [describe(array) for array in arrays]
    out = Strided(np.dtype(dtype), tuple(shape), np.zeros(shape, np.int8).strides)
    plan = planner(out, *(strided for strided, _ in described), PROCESSOR, **fields)
    return plan, out, [memory for _, memory in described]


def compute(planner: Callable, dtype, shape, *arrays: np.ndarray, **fields) -> tuple[np.ndarray, bool]:
    """What a planner's plan makes of arrays, and whether it refused them."""
    plan, out, buffers = make_plan(planner, dtype, shape, *arrays, **fields)
    assert "launches" not in str(plan)  # a plan is text, and no repr
    result, flags = run(plan, out, buffers)
    refused = bool(flags[0])
    assert (flags != 0).tolist() == [refused and place in (0, NUMBER) for place in range(8)]
    return result, refused


def ptx_of(kernel: TraceRef, architecture: str) -> str:
    """The code of a kernel."""
    return to_ptx(PTXBuilder(kernel.trace()).module_text(), architecture)


def check_code(kernel: TraceRef, architecture: str) -> str:
    """The code of a kernel, which keeps all of its numbers in registers."""
    text = ptx_of(kernel, architecture)
    assert f".entry {kernel.trace().name}(" in text
    assert ".local" not in text
    return text

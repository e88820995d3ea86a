"""LLVM IR to PTX, by LLVM's own back end for NVIDIA's processors, which llvmlite brings along."""

from __future__ import annotations

import functools
import re
import threading

import llvmlite.binding as llvm

from ....symbolic.errors import ArgumentError, LoweringError, listing

TRIPLE = "nvptx64-nvidia-cuda"
LEAST_LLVM = 20  # which knows all the kinds below
# Kinds of processors, each with the least version of PTX that knows it; sm_90a and the like have what later ones lack.
ISA = {
    "sm_75": 63,
    "sm_80": 70,
    "sm_86": 71,
    "sm_87": 74,
    "sm_89": 78,
    "sm_90": 78,
    "sm_100": 86,
    "sm_103": 88,
    "sm_120": 87,
    "sm_121": 88,
}

_machines = threading.local()


def architecture(major: int, minor: int) -> str:
    """The kind of processor whose code a device of that capability runs: its own, or the nearest older one.

    Raises ArgumentError for those before sm_75.
    """
    wanted = 10 * major + minor
    known = [int(name.removeprefix("sm_")) for name in ISA]
    fitting = [n for n in known if n <= wanted and (n // 10 == wanted // 10 or wanted > max(known))]
    older = [n for n in known if n <= wanted]
    if not older:
        raise ArgumentError(f"A device of capability {major}.{minor} is older than all that weft compiles for: sm_75.")
    return f"sm_{max(fitting or older)}"


def check_architecture(name: str) -> str:
    """The name itself.  Raises ArgumentError for a kind of processor that is not known."""
    if name not in ISA:
        raise ArgumentError(f"There is no kind of processor {name!r}; there are {listing(list(ISA))}.")
    return name


def number_of(arch: str) -> int:
    """90 for sm_90."""
    return int(arch.removeprefix("sm_"))


@functools.cache
def _initialize() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def _machine(arch: str) -> llvm.TargetMachine:
    made: dict[str, llvm.TargetMachine] = _machines.__dict__
    if arch not in made:
        _initialize()
        target = llvm.Target.from_triple(TRIPLE)
        features = f"+ptx{ISA[arch]}"
        made[arch] = target.create_target_machine(
            cpu=arch, features=features, opt=3, reloc="default", codemodel="default"
        )
    return made[arch]


def to_ptx(module_text: str, arch: str) -> str:
    """The PTX of a module for one kind of processor.  Raises LoweringError where LLVM is too old for it."""
    if llvm.llvm_version_info[0] < LEAST_LLVM:
        version = ".".join(map(str, llvm.llvm_version_info))
        raise LoweringError(f"Code for CUDA takes LLVM {LEAST_LLVM} or newer, and llvmlite has {version}: upgrade it.")
    machine = _machine(arch)
    module = llvm.parse_assembly(module_text)
    module.triple, module.data_layout = TRIPLE, str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return str(machine.emit_assembly(module))


def instructions(ptx: str) -> str:
    """PTX without comments and empty lines, to be read."""
    lines = [re.sub(r"\s*//.*", "", line) for line in ptx.splitlines()]
    return "\n".join(line for line in lines if line.strip())

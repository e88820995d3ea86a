"""A CUDA driver without a device: what `weft.codegen.cuda.driver` calls is checked against it.

Functions are C functions, so that arguments pass through ctypes both ways, and structures are read as bytes.  Device
memory is memory of the host.  What is asynchronous waits in the queue of its stream until somebody synchronizes: memory
that was changed too early shows.
"""

import ctypes
import itertools
import re
import struct
import threading

import numpy as np

from .cuda_header import NAMES, POOL, SIGNATURES, TEXTS, TYPES
from .fake_graphs import FakeGraphs

WITHOUT_CONTEXT = re.compile("cuInit|cuDriver|cuGetError|cuDevice|cuCtx(Get|Set|Push|Pop)|cuMemPool|cuPointer")


class Refusal(Exception):
    """A function answers with a CUresult."""


class FakeLibcuda(FakeGraphs):
    """The library.  Memory in `foreign` is the second device's.

    calls : the functions that were called, with their arguments
    answers : CUresults of functions that fail
    problems : what no driver would have let pass
    run_kernel : called for each launch with the function's name, the grid, the block, the dynamic shared memory, the
        bytes of each parameter, and the function's handle
    """

    def __init__(self, devices=1, capability=(9, 0), pools=True, room=1 << 30, missing=()):
        self.devices, self.missing, self.room = devices, missing, room
        self.attributes = {16: 132, 75: capability[0], 76: capability[1], 115: int(pools)}
        self.calls, self.answers, self.problems, self.launches = [], {}, [], []
        self.run_kernel = lambda *launch: None
        self.memory, self.foreign, self.pinned = {}, {}, {}
        self.cached = 0  # bytes that a pool keeps
        self.threads, self.lock = threading.local(), threading.RLock()
        self.numbers = itertools.count(0x5000, 16)
        self.objects = {1: [], 2: []}  # by handle; the two streams that are always there
        self.done = {1: 0, 2: 0}  # how much of each stream's queue has run
        self.functions = {}

    def __getattr__(self, name):
        if name not in SIGNATURES or name in self.missing:
            raise AttributeError(name)
        if name not in self.functions:
            kind = ctypes.CFUNCTYPE(ctypes.c_int, *[TYPES[letter] for letter in SIGNATURES[name]])
            self.functions[name] = kind(lambda *arguments: self.answer(name, arguments))
        return self.functions[name]

    def answer(self, name, arguments):
        """What a call returns; one thread at a time."""
        with self.lock:
            return self.answer_alone(name, arguments)

    def answer_alone(self, name, arguments):
        arguments = tuple(0 if a is None else a for a in arguments)
        self.calls.append((name, *arguments))
        base = name.removesuffix("_v2")
        if base in self.answers:
            if base.startswith("cuLink") and base != "cuLinkCreate":
                self.log(b"ptxas application ptx input, line 9;\n error")
            return self.answers[base]
        try:
            assert WITHOUT_CONTEXT.match(name) or self.stack[-1:] not in ([], [0]), f"{name} without a context"
            getattr(self, f"_{base}")(*arguments)
        except Refusal as refusal:
            return refusal.args[0]
        except BaseException as problem:
            self.problems.append(problem)
            return 999
        return 0

    def called(self, name):
        """The arguments of all calls of a function."""
        return [arguments for known, *arguments in self.calls if known.removesuffix("_v2") == name]

    # ---- help -----------------------------------------------------------------------------------------------------

    @property
    def stack(self):
        """The contexts of this thread."""
        if not hasattr(self.threads, "stack"):
            self.threads.stack = [0]
        return self.threads.stack

    def write(self, place, kind, number):
        ctypes.memmove(place, struct.pack(kind, number), struct.calcsize(kind))

    def make(self, place, thing):
        handle = next(self.numbers)
        self.objects[handle] = thing
        self.write(place, "Q", handle)
        return handle

    def make_memory(self, size):
        raw = np.full(size + 256, 0xFF, np.uint8)
        address = -(-raw.ctypes.data // 256) * 256
        start = address - raw.ctypes.data
        return address, raw[start : start + size]

    def bytes(self, address, size):
        """Memory of the device; nothing else may be touched."""
        for start, piece in [*self.memory.items(), *self.foreign.items()]:
            if start <= address and address + size <= start + piece.size:
                return piece[address - start : address - start + size]
        raise AssertionError(f"{size} bytes at {address} are no memory of the device")

    def enqueue(self, stream, work):
        self.objects[stream].append(work)

    def run(self, stream, upto=None):
        queue = self.objects[stream]
        upto = len(queue) if upto is None else upto
        while self.done.setdefault(stream, 0) < upto:
            self.done[stream] += 1
            queue[self.done[stream] - 1]()

    def log(self, text):
        option, size, place = self.link_log
        assert (option, len(text) < size) == (5, True)
        ctypes.memmove(place, text + b"\0", len(text) + 1)

    # ---- the process, devices, contexts ---------------------------------------------------------------------------

    def _cuInit(self, flags):
        assert flags == 0

    def _cuDriverGetVersion(self, out):
        self.write(out, "i", 990)  # no real one: what it compiles is of no use to others

    def _text(self, table, code, out):
        if code not in table:
            self.write(out, "Q", 0)
            raise Refusal(1)
        kept = ctypes.create_string_buffer(table[code])
        self.objects[next(self.numbers)] = kept
        self.write(out, "Q", ctypes.addressof(kept))

    def _cuGetErrorName(self, code, out):
        self._text(NAMES, code, out)

    def _cuGetErrorString(self, code, out):
        self._text(TEXTS, code, out)

    def _cuDeviceGetCount(self, out):
        self.write(out, "i", self.devices)

    def _cuDeviceGet(self, out, ordinal):
        assert 0 <= ordinal < self.devices
        self.write(out, "i", ordinal)

    def _cuDeviceGetAttribute(self, out, attribute, device):
        self.write(out, "i", self.attributes[attribute])

    def _cuDeviceGetName(self, out, room, device):
        name = f"Fake {device}".encode() + b"\0"
        assert (len(name) <= room, 0 <= device < self.devices) == (True, True)
        ctypes.memmove(out, name, len(name))

    def _cuDeviceTotalMem(self, out, device):
        assert 0 <= device < self.devices
        self.write(out, "Q", self.room)

    def _cuDevicePrimaryCtxRetain(self, out, device):
        self.write(out, "Q", 0x1000 + device)

    def _cuCtxGetCurrent(self, out):
        self.write(out, "Q", self.stack[-1])

    def _cuCtxSetCurrent(self, context):
        self.stack[-1] = context

    def _cuCtxPushCurrent(self, context):
        self.stack.append(context)

    def _cuCtxPopCurrent(self, out):
        self.write(out, "Q", self.stack.pop())

    def _cuCtxSynchronize(self):
        for stream in list(self.done):
            self.run(stream)

    # ---- streams and events ---------------------------------------------------------------------------------------

    def _cuStreamCreate(self, out, flags):
        assert flags == 0
        self.done[self.make(out, [])] = 0

    def _cuStreamSynchronize(self, stream):
        self.run(stream)

    def _cuEventCreate(self, out, flags):
        assert flags == 2
        self.make(out, {})

    def _cuEventRecord(self, event, stream):
        self.objects[event].update(stream=stream, upto=len(self.objects[stream]))

    def _cuEventSynchronize(self, event):
        self.run(**self.objects[event]) if self.objects[event] else None

    def _cuStreamWaitEvent(self, stream, event, flags):
        recorded = dict(self.objects[event])
        assert flags == 0
        self.enqueue(stream, lambda: self.run(**recorded))

    # ---- memory ---------------------------------------------------------------------------------------------------

    def _cuMemGetInfo(self, free, total):
        self.write(free, "Q", self.room - sum(piece.size for piece in self.memory.values()))
        self.write(total, "Q", self.room)

    def _cuMemAlloc(self, out, size):
        assert size > 0
        if sum(piece.size for piece in self.memory.values()) + self.cached + size > self.room:
            raise Refusal(2)
        address, piece = self.make_memory(size)
        self.memory[address] = piece
        self.write(out, "Q", address)

    def _cuMemFree(self, address):
        assert all(len(queue) == self.done[stream] for stream, queue in self.objects.items() if stream in self.done)
        del self.memory[address]

    def _cuMemPoolCreate(self, out, properties):
        kind, shared, where, device, security, most, usage = POOL.unpack(ctypes.string_at(properties, POOL.size))
        assert (kind, shared, where, security, most, usage) == (1, 0, 1, 0, 0, 0)
        assert device < self.devices
        self.make(out, "pool")

    def _cuMemPoolSetAttribute(self, pool, attribute, value):
        assert (self.objects[pool], attribute) == ("pool", 4)
        assert ctypes.string_at(value, 8) == b"\xff" * 8

    def _cuMemPoolTrimTo(self, pool, size):
        assert (self.objects[pool], size) == ("pool", 0)
        self.cached = 0

    def _cuMemAllocFromPoolAsync(self, out, size, pool, stream):
        assert self.objects[pool] == "pool"
        self._cuMemAlloc(out, size)

    def _cuMemFreeAsync(self, address, stream):
        assert address in self.memory

        def free():
            self.cached += self.memory.pop(address).size

        self.enqueue(stream, free)

    def _cuMemHostAlloc(self, out, size, flags):
        assert flags == 0
        address, piece = self.make_memory(size)
        self.pinned[address] = piece
        self.write(out, "Q", address)

    def _cuMemcpyHtoDAsync(self, target, source, size, stream):
        assert any(start <= source and source + size <= start + piece.size for start, piece in self.pinned.items())
        to = self.bytes(target, size)
        self.enqueue(stream, lambda: ctypes.memmove(to.ctypes.data, source, size))

    def _cuMemcpyDtoHAsync(self, target, source, size, stream):
        origin = self.bytes(source, size)
        self.enqueue(stream, lambda: ctypes.memmove(target, origin.ctypes.data, size))

    def _cuMemcpyDtoDAsync(self, target, source, size, stream):
        to, origin = self.bytes(target, size), self.bytes(source, size)
        self.enqueue(stream, lambda: np.copyto(to, origin))

    def _cuPointerGetAttribute(self, out, attribute, address):
        assert attribute == 9
        try:
            self.bytes(address, 1)
        except AssertionError:
            raise Refusal(1) from None
        self.write(out, "i", int(any(start == address for start in self.foreign)))

    # ---- code -----------------------------------------------------------------------------------------------------

    def _cuLinkCreate(self, count, options, values, out):
        kinds = struct.unpack(f"<{count}i", ctypes.string_at(options, 4 * count))
        given = struct.unpack(f"<{count}Q", ctypes.string_at(values, 8 * count))
        assert kinds == (5, 6)
        self.link_log = (kinds[0], given[1], given[0])
        self.make(out, bytearray())

    def _cuLinkAddData(self, state, kind, data, size, name, count, options, values):
        ptx = ctypes.string_at(data, size)
        assert (kind, ptx[-1], count, options, values) == (1, 0, 0, 0, 0)
        assert b".entry " + name in ptx
        self.objects[state] += ptx

    def _cuLinkComplete(self, state, out, size):
        text = bytes(self.objects[state])
        image = ctypes.create_string_buffer(b"FAKE" + struct.pack("<Q", len(text)) + text)
        self.objects[state] = image
        self.write(out, "Q", ctypes.addressof(image))
        self.write(size, "Q", len(image.raw))

    def _cuLinkDestroy(self, state):
        image = self.objects.pop(state)
        if not isinstance(image, bytearray):
            ctypes.memset(image, 0, len(image))  # it was the driver's

    def _cuModuleLoadData(self, out, image):
        assert ctypes.string_at(image, 4) == b"FAKE"
        size = struct.unpack("<Q", ctypes.string_at(image + 4, 8))[0]
        self.make(out, ctypes.string_at(image + 12, size).decode())

    def _cuModuleGetFunction(self, out, module, name):
        name, ptx = name.decode(), self.objects[module]
        head = re.search(rf"\.entry {name}\((.*?)\)\s*\n", ptx, re.DOTALL)[1]
        sizes = [int(bits) // 8 for bits in re.findall(r"\.param \.\w(\d+)", head)]
        self.make(out, {"name": name, "sizes": sizes, "dynamic": ".extern .shared" in ptx, "granted": 0})

    def _cuFuncSetAttribute(self, function, attribute, number):
        assert attribute == 8
        if number > 227 << 10:
            raise Refusal(1)
        self.objects[function]["granted"] = number

"""Graphs of the fake driver: structures are read as bytes, and nodes run in their order."""

import ctypes
import struct

from .cuda_header import KERNEL_NODE, MEMCPY, MEMSET

DEVICE_MEMORY = 2


class FakeGraphs:
    """The part of the library that has to do with graphs."""

    def _cuGraphCreate(self, out, flags):
        assert flags == 0
        self.make(out, {"nodes": [], "after": {}})

    def _cuGraphDestroy(self, graph):
        del self.objects[graph]

    def _add(self, out, graph, before, count, node):
        kept = self.objects[graph]
        earlier = struct.unpack(f"<{count}Q", ctypes.string_at(before, 8 * count)) if count else ()
        assert set(earlier) <= set(kept["nodes"])
        handle = self.make(out, node)
        kept["nodes"].append(handle)
        kept["after"][handle] = earlier

    def read_kernel(self, params):
        function, *sizes, shared, pointers, extra, kernel, context = KERNEL_NODE.unpack(
            ctypes.string_at(params, KERNEL_NODE.size)
        )
        known = self.objects[function]
        assert (extra, kernel, context) == (0, 0, 0)
        assert all(sizes)
        assert shared == known["granted"]
        assert bool(shared) == known["dynamic"]
        places = struct.unpack(f"<{len(known['sizes'])}Q", ctypes.string_at(pointers, 8 * len(known["sizes"])))
        assert all(place % size == 0 for place, size in zip(places, known["sizes"], strict=True))
        raw = [ctypes.string_at(place, size) for place, size in zip(places, known["sizes"], strict=True)]
        return "kernel", known["name"], tuple(sizes[:3]), tuple(sizes[3:]), shared, raw, function

    def read_copy(self, params):
        fields = MEMCPY.unpack(ctypes.string_at(params, MEMCPY.size))
        source, target, (width, height, depth) = fields[:11], fields[11:22], fields[22:]
        for side in (source, target):
            zeros = (*side[:4], side[5], *side[7:])
            assert not any(zeros)
            assert side[4] == DEVICE_MEMORY
        assert (height, depth) == (1, 1)
        assert width
        return "copy", target[6], source[6], width

    def read_fill(self, params):
        address, pitch, value, element, width, height = MEMSET.unpack(ctypes.string_at(params, MEMSET.size))
        assert (pitch, element, height) == (0, 1, 1)
        assert width
        return "fill", address, value, width

    def _cuGraphAddKernelNode(self, out, graph, before, count, params):
        self._add(out, graph, before, count, self.read_kernel(params))

    def _cuGraphAddMemcpyNode(self, out, graph, before, count, params, context):
        assert context == self.stack[-1]
        self._add(out, graph, before, count, self.read_copy(params))

    def _cuGraphAddMemsetNode(self, out, graph, before, count, params, context):
        assert context == self.stack[-1]
        self._add(out, graph, before, count, self.read_fill(params))

    def _cuGraphAddEmptyNode(self, out, graph, before, count):
        self._add(out, graph, before, count, ("empty",))

    def _cuGraphInstantiateWithFlags(self, out, graph, flags):
        assert flags == 0
        self.make(out, {node: self.objects[node] for node in self.objects[graph]["nodes"]})

    def _set(self, executable, node, new):
        before = self.objects[executable][node]
        assert before[0] == new[0]
        assert before[0] != "kernel" or before[1] == new[1]
        self.objects[executable][node] = new

    def _cuGraphExecKernelNodeSetParams(self, executable, node, params):
        self._set(executable, node, self.read_kernel(params))

    def _cuGraphExecMemcpyNodeSetParams(self, executable, node, params, context):
        self._set(executable, node, self.read_copy(params))

    def _cuGraphExecMemsetNodeSetParams(self, executable, node, params, context):
        self._set(executable, node, self.read_fill(params))

    def _cuGraphExecDestroy(self, executable):
        del self.objects[executable]

    def _cuGraphLaunch(self, executable, stream):
        nodes = list(self.objects[executable].values())  # as they are now

        def work():
            for node in nodes:
                self.run_node(node)

        self.enqueue(stream, work)

    def run_node(self, node):
        kind, *facts = node
        if kind == "kernel":
            self.launches.append(tuple(facts[:-1]))
            self.run_kernel(*facts)
        elif kind == "copy":
            target, source, size = facts
            self.bytes(target, size)[:] = self.bytes(source, size)
        elif kind == "fill":
            address, byte, size = facts
            self.bytes(address, size)[:] = byte

"""What the CUDA driver reads behind pointers: its C structures and the numbers of its enumerations, as in cuda.h."""

from __future__ import annotations

import ctypes

HANDLE = ctypes.c_void_p  # of a context, stream, event, graph, node, module, function or pool
ADDRESS = ctypes.c_uint64  # CUdeviceptr
SIZE = ctypes.c_size_t

# CUdevice_attribute
MULTIPROCESSORS = 16
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76
HAS_POOLS = 115

# CUjit_option, CUjitInputType
ERROR_LOG, ERROR_LOG_SIZE = 5, 6
INPUT_PTX = 1

# CUfunction_attribute, CUpointer_attribute, CUmemPool_attribute
MOST_DYNAMIC_SHARED = 8
DEVICE_ORDINAL = 9
RELEASE_THRESHOLD = 4

MEMORY_OF_DEVICE = 2  # CUmemorytype
EVENT_WITHOUT_TIME = 2  # CUevent_flags
LEGACY_STREAM, THREAD_STREAM = 1, 2  # handles that any context has: the default stream, and each thread's own
ALLOCATION_PINNED, LOCATION_DEVICE = 1, 1  # CUmemAllocationType, CUmemLocationType


class KernelNodeParams(ctypes.Structure):
    """CUDA_KERNEL_NODE_PARAMS_v2; without its last two fields it is the first version."""

    _fields_ = (
        ("func", HANDLE),
        ("gridDimX", ctypes.c_uint),
        ("gridDimY", ctypes.c_uint),
        ("gridDimZ", ctypes.c_uint),
        ("blockDimX", ctypes.c_uint),
        ("blockDimY", ctypes.c_uint),
        ("blockDimZ", ctypes.c_uint),
        ("sharedMemBytes", ctypes.c_uint),
        ("kernelParams", ctypes.c_void_p),
        ("extra", ctypes.c_void_p),
        ("kern", HANDLE),
        ("ctx", HANDLE),
    )


class MemcpyParams(ctypes.Structure):
    """CUDA_MEMCPY3D_v2."""

    _fields_ = (
        ("srcXInBytes", SIZE),
        ("srcY", SIZE),
        ("srcZ", SIZE),
        ("srcLOD", SIZE),
        ("srcMemoryType", ctypes.c_int),
        ("srcHost", ctypes.c_void_p),
        ("srcDevice", ADDRESS),
        ("srcArray", HANDLE),
        ("reserved0", ctypes.c_void_p),
        ("srcPitch", SIZE),
        ("srcHeight", SIZE),
        ("dstXInBytes", SIZE),
        ("dstY", SIZE),
        ("dstZ", SIZE),
        ("dstLOD", SIZE),
        ("dstMemoryType", ctypes.c_int),
        ("dstHost", ctypes.c_void_p),
        ("dstDevice", ADDRESS),
        ("dstArray", HANDLE),
        ("reserved1", ctypes.c_void_p),
        ("dstPitch", SIZE),
        ("dstHeight", SIZE),
        ("WidthInBytes", SIZE),
        ("Height", SIZE),
        ("Depth", SIZE),
    )


class MemsetNodeParams(ctypes.Structure):
    """CUDA_MEMSET_NODE_PARAMS, first version."""

    _fields_ = (
        ("dst", ADDRESS),
        ("pitch", SIZE),
        ("value", ctypes.c_uint),
        ("elementSize", ctypes.c_uint),
        ("width", SIZE),
        ("height", SIZE),
    )


class PoolProperties(ctypes.Structure):
    """CUmemPoolProps, of which later versions name more of the reserved bytes."""

    _fields_ = (
        ("allocType", ctypes.c_int),
        ("handleTypes", ctypes.c_int),
        ("locationType", ctypes.c_int),
        ("locationId", ctypes.c_int),
        ("win32SecurityAttributes", ctypes.c_void_p),
        ("reserved", ctypes.c_ubyte * 64),
    )

"""What cuda.h says of the functions and structures that are used, written down apart from the code that uses them."""

import ctypes
import struct

TYPES = {
    "p": ctypes.c_void_p,
    "i": ctypes.c_int,
    "u": ctypes.c_uint,
    "z": ctypes.c_size_t,
    "Q": ctypes.c_uint64,
    "s": ctypes.c_char_p,
}
# Arguments of the functions: p for pointers and handles, i and u for (unsigned) int and enumerations, z for size_t
SIGNATURES = {
    "cuInit": "u",
    "cuDriverGetVersion": "p",
    "cuGetErrorName": "ip",
    "cuGetErrorString": "ip",
    "cuDeviceGetCount": "p",
    "cuDeviceGet": "pi",
    "cuDeviceGetAttribute": "pii",
    "cuDeviceGetName": "pii",
    "cuDeviceTotalMem_v2": "pi",
    "cuDevicePrimaryCtxRetain": "pi",
    "cuCtxGetCurrent": "p",
    "cuCtxSetCurrent": "p",
    "cuCtxPushCurrent_v2": "p",
    "cuCtxPopCurrent_v2": "p",
    "cuCtxSynchronize": "",
    "cuStreamCreate": "pu",
    "cuStreamSynchronize": "p",
    "cuStreamWaitEvent": "ppu",
    "cuEventCreate": "pu",
    "cuEventRecord": "pp",
    "cuEventSynchronize": "p",
    "cuMemGetInfo_v2": "pp",
    "cuMemAlloc_v2": "pz",
    "cuMemFree_v2": "Q",
    "cuMemPoolCreate": "pp",
    "cuMemPoolSetAttribute": "pip",
    "cuMemPoolTrimTo": "pz",
    "cuMemAllocFromPoolAsync": "pzpp",
    "cuMemFreeAsync": "Qp",
    "cuMemHostAlloc": "pzu",
    "cuMemcpyHtoDAsync_v2": "Qpzp",
    "cuMemcpyDtoHAsync_v2": "pQzp",
    "cuMemcpyDtoDAsync_v2": "QQzp",
    "cuPointerGetAttribute": "piQ",
    "cuLinkCreate_v2": "uppp",
    "cuLinkAddData_v2": "pipzsupp",
    "cuLinkComplete": "ppp",
    "cuLinkDestroy": "p",
    "cuModuleLoadData": "pp",
    "cuModuleGetFunction": "pps",
    "cuFuncSetAttribute": "pii",
    "cuGraphCreate": "pu",
    "cuGraphDestroy": "p",
    "cuGraphAddKernelNode_v2": "pppzp",
    "cuGraphAddMemcpyNode": "pppzpp",
    "cuGraphAddMemsetNode": "pppzpp",
    "cuGraphAddEmptyNode": "pppz",
    "cuGraphInstantiateWithFlags": "ppQ",
    "cuGraphExecKernelNodeSetParams_v2": "ppp",
    "cuGraphExecMemcpyNodeSetParams": "pppp",
    "cuGraphExecMemsetNodeSetParams": "pppp",
    "cuGraphExecDestroy": "p",
    "cuGraphLaunch": "pp",
}
NAMES = {
    1: b"CUDA_ERROR_INVALID_VALUE",
    2: b"CUDA_ERROR_OUT_OF_MEMORY",
    100: b"CUDA_ERROR_NO_DEVICE",
    218: b"CUDA_ERROR_INVALID_PTX",
    700: b"CUDA_ERROR_ILLEGAL_ADDRESS",
    999: b"CUDA_ERROR_UNKNOWN",
}
TEXTS = {700: b"an illegal memory access was encountered"}
KERNEL_NODE = struct.Struct("<Q7I4xQQQQ")  # CUDA_KERNEL_NODE_PARAMS_v2
MEMCPY = struct.Struct("<4Qi4x6Q4Qi4x6Q3Q")  # CUDA_MEMCPY3D_v2
MEMSET = struct.Struct("<QQIIQQ")  # CUDA_MEMSET_NODE_PARAMS
POOL = struct.Struct("<iiiiQQH54x")  # CUmemPoolProps

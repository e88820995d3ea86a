"""Devices: memory, code and graphs of launches.

device.py        what the run time asks of a device
cuda_device.py   a device of CUDA's: context.py, pool.py (memory), staging.py (copies), cuda_graph.py
libcuda.py       the driver's functions and errors; structures.py: what they read behind pointers
cubin.py         machine code of kernels, and its cache; loader.py: kernels on a device; parameters.py: of a launch
device_array.py  arrays that stay on a device; allocation.py: who owns their memory
device_span.py   arrays of other libraries, read where they are; dlpack.py: the capsules in which they come and go
simulated.py     a device without a device
"""

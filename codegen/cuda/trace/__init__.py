"""Kernels as traced Python: a body is called once and says, through a builder, what every thread of a grid does.

kernel.py      what a kernel is: parameters, threads of a block, a body
builder.py     what bodies are written with
ptx_builder.py the builder that appends LLVM IR, from which ptx.py makes PTX
simulator.py   the builder that computes, in NumPy, all threads at once, and finds races and bad addresses
"""

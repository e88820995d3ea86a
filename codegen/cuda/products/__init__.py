"""Sums of products: matmul and convolution are one kernel, D[m, n] = sum over k of A(m, k) B(k, n).

tiles.py       which part of D a block computes, and what that takes
numbers.py     numbers that a kernel gets, and division by them
operands.py    where elements of A and B stand (`Addresses`), and how a block brings them to shared memory (`Staging`)
tensor.py      products of tiles by the tensor units: float32 as three products of tf32, or rounded to tf32
simt.py        products in registers: all other dtypes and processors
gemm.py        the loop over k, the sum over blocks that share a tile, and how results are written
matmul.py      plans of matrix products
window.py      operands and results of a convolution whose elements are found one by one
geometry.py    what kernels of convolutions are told about sizes and steps
patch.py       the convolution's image as a piece that stays in shared memory
conv.py        plans of convolutions
"""

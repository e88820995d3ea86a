"""Checks of a CUDA device: what weft computes there against the NumPy references and the CPU.

    python -m weft.testing.cuda [--target cuda:1] [--only matmul]

`pytest -m cuda` runs the same checks.  They need nothing beyond what weft itself needs.
"""

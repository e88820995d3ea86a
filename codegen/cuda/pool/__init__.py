"""Pooling: maxima and sums of windows, and their gradients.

plan.py       which kernels
windows.py    what windows cover
forward.py    a thread for each window
cells.py      gradients where windows are small: a thread for each cell of the input
elements.py   gradients in general: a thread for each element of the input
"""

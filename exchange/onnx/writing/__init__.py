"""From ops to nodes of an ONNX graph: a function for each op, in the table of `writer.py`; a file for each family."""

from . import control, convolution, elementwise, indexing, movement, pooling, products, reductions, sizes

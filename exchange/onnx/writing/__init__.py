"""From weft's ops to nodes of an ONNX graph: one function for each op, found by its class."""

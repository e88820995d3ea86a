"""How each operator of ONNX is read: one file for each family, and the table that they fill."""

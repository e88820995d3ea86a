"""Shapes: what convolution and pooling make of an image and of a signal."""

"""Backpropagation: written by hand, beside the gradients of the graph."""

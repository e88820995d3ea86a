"""Gradients of the input: style transfer, deep dreams, images that fool a network, what it looks at."""

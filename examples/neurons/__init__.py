"""Neurons: a perceptron, a sigmoid neuron, regressions."""

"""Regularisation: what makes a network fit the test better than the examples."""

"""Unsupervised learning: autoencoders, restricted Boltzmann machines, and what is learnt from them afterwards."""

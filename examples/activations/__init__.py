"""Activations: where they saturate."""

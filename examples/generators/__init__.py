"""Generators: networks that draw."""

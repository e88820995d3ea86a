"""Compiled functions as C: a header and an object file, which need neither Python nor weft."""

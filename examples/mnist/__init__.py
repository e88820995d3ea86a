"""Handwritten digits: a table of networks and their errors."""

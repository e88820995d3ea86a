"""Extending: operations of your own."""

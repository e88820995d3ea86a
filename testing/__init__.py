"""Checks that users can call: of gradients against differences, of rewrite rules against what they replace."""

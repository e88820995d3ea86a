"""Formulas of graphs in LaTeX: `latex`.

texts       pieces of formulas: how tightly they bind, and products, whose numbers come to the front
symbols     names and sizes
forms       how a node is written: its parts, and the formula, given theirs
scalars, arrays, products, reductions, patterns, draws, loops    the forms of ops by their kind, which `table` finds
document    what gets a name, which, and the order of the equations
"""

from .formula import latex as latex

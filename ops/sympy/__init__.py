"""Graphs as SymPy expressions, and back.

writing     `to_sympy`: `matrices` has the algebra of matrices, `elements` index notation, `numbers` what they share
reading     `from_sympy`: `given` has its arguments, `labelled` values over indices, `indices` sums,
            `algebra` matrices, `derivatives` Derivative and Subs
functions   the names of functions in both
"""

from .reading import from_sympy as from_sympy
from .writing import to_sympy as to_sympy

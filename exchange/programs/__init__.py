"""Compiled functions in files: `f.save(path)` and `wf.load(path)`.

A file is a zip archive, stored and not compressed: `graph.json`, which says all but the values, and an array for each
variable and each large constant, as `.npy`.  No pickle, no code: what it names is looked up in weft.

    archive.py    the file: members, arrays, damage
    vocabulary.py what a file may name: weft's ops and functions, and Python that both sides give
    fields.py     the parameters of ops, which have to be of the kind that their class says
    walk.py       the order in which nodes are written: what one needs comes before it
    sizes.py      symbols, and arithmetic over them
    writing.py    graphs as tables of nodes, types, sizes, lines, variables
    tables.py     these tables, looked up;  reading.py  the nodes, each by its op's own `infer`
    traced.py     functions of numbers whose bodies come from a file
    saving.py     a function as it was asked for;  loading.py  compiled again, where the cache has it without compiling
"""

from .loading import load
from .saving import save

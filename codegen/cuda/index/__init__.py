"""Indexed access, labels, running sums and orders.

places.py    from the number of an element to where it stands in strided operands
copy.py      strided copies
targets.py   index arrays, checked: what they name
gather.py    elements taken from there
scatter.py   elements added or written there, in the order of the indices
labels.py    labels and numbers of steps, checked and narrowed
cumsum.py    running sums along the last axis
argsort.py   orders along the last axis, by merge_sort.py and sort_keys.py
"""

"""Loop nests on a device: every nest is a traced kernel.

emit.py         the kernel of a nest
accumulate.py   what a thread gathers of a reduction, and how what two have gathered becomes one
plan.py         how a nest is cut among threads at given sizes, and the numbers that its kernel gets
"""

"""Calls on a device.

encode.py        from a bound program to segments: graphs of launches, and what the host has to decide between
regions.py       memory of a device before it has an address
dependencies.py  which nodes of a graph wait for which
segments.py      graphs, steps on the host, loops and branches that depend on data
binding.py       segments over one arena
variables.py     copies of shared variables on a device
function.py      calls
"""

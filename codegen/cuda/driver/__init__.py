"""Devices: memory, code and graphs of launches.

device.py   what the run time asks of a device
"""

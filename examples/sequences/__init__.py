"""Sequences: recurrent networks, attention, and text that is written letter by letter."""

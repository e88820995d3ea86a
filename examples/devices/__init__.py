"""State and devices: counters with updates, where a function runs, several workers that train one network."""

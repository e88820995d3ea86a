"""Moving: what is trained in Python runs elsewhere."""

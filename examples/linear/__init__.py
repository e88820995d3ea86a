"""Linear classifiers: losses, and penalties of the weights."""

"""Image networks: residual and plain, deep and wide ones, dense blocks, inception, several labels for each image."""

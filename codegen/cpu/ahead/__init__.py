"""Object code of kernels that is made by the build and shipped with weft, so that the first start compiles few."""

"""The gallery: small programs that train on real data, draw a picture, and can be read in a few minutes."""

"""The gallery: small programs that can be read in a few minutes each; most of them train a network on real data."""

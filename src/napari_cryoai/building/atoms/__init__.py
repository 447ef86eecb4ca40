"""A backbone to all atoms: what amino acids look like, and how they sit in the density."""

"""A trace and sequences: which residue is which."""

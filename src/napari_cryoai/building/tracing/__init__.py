"""A map to a trace: where the residues are, and which follows which."""

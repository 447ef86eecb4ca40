"""The *Particles* panel."""

"""Map and sequence to an atomic model."""

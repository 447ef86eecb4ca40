"""Work that takes longer than a moment: its parameters, its progress and its record."""

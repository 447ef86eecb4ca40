"""The picker that learns from corrections, and the strip where picks are reviewed."""

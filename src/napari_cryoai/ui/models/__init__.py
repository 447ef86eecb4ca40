"""The *Build model* panel: building, drawing, judging and mending atomic models."""

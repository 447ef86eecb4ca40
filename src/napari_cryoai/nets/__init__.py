"""Building blocks that networks share, and how they are trained."""

"""The *Explore heterogeneity* panel."""

"""A latent space and its scatter plot."""

"""A latent space against the truth of a simulation."""

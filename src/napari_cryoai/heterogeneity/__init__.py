"""Particle images with poses to a latent space, and from there to maps."""

"""Particle images to maps."""

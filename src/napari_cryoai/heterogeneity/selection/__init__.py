"""Particles by what is known of them."""

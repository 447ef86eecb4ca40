"""Picks to particle images: CTF estimation and extraction."""

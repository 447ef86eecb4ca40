"""Micrographs to picks."""

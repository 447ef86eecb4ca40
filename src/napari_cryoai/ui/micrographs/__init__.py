"""Micrographs and their picks in a viewer: the session, its layers, files in and out."""

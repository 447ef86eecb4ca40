"""Where particles are seen from, found from their images."""

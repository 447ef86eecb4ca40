"""What fits a latent space to particle images."""

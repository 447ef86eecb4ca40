"""What a latent space tells of its particles, and whether it may be believed."""

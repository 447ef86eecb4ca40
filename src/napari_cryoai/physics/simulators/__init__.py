"""Images and maps with known truth: particles, micrographs, half maps."""

"""Half maps: denoised, and judged."""

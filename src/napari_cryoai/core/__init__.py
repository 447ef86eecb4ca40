"""The nouns: micrographs and picks, the edits made to them, and their history."""

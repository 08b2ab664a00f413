"""Model files: where a model's graph comes from, and how it is verified."""

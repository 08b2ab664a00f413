"""Segmentation, from an image's bytes to the class of every pixel. Knows nothing of HTTP or of the environment."""

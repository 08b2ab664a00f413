"""Semantic segmentation: from the bytes of an image to the class of every pixel. Knows no HTTP."""

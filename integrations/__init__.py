"""Annotation tools that get their masks and polygons from the service, over HTTP; they import nothing of it."""

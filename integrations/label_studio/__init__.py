"""Label Studio: a machine learning backend that predicts brush masks and polygons, in its own process."""

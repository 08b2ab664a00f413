"""CVAT: a detection function for cvat-cli and CVAT's agents."""

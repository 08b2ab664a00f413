"""Image in: untrusted bytes become an upright RGB image."""

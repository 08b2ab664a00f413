"""Results out: label maps at the requested size, what is in them, and their encodings."""

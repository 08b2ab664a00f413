"""Decoder processes: core.image runs in them, so that no file can harm the process that serves."""

"""Shared by the commands: the photos that are given, the names and files of results, options, progress, help."""

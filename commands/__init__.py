"""What `python cli.py` can do: a file, or a folder, for each command."""

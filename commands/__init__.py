"""The commands of `python cli.py`, one module each."""

"""The commands of `python cli.py`, a module or a package each; `shared` has the code that several need."""

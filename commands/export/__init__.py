"""`python cli.py export`: the optimized graph in the formats of other engines."""

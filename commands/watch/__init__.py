"""`python cli.py watch`: segment photos as they arrive in a folder.

`cli` is the command line. `arrivals` tells which files are whole, `journal` remembers what is done, and `service` joins
them with the model.
"""

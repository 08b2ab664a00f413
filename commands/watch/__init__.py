"""`python cli.py watch`: segment photos as they arrive in a folder.

`cli` is the command line. `arrivals` finds the files that are new and complete, `journal` has the photos that are done,
and `service` segments the others.
"""

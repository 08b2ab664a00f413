"""`python cli.py batch`: segment an archive of photos, on one machine or on a cluster, with Ray Data.

`cli` is the command line and works without Ray. `driver` lists the photos of a `storage` folder, sends them to the
workers (`worker`, configured by a `job`) of a Ray `cluster`, and writes their results to the `manifest`.
"""

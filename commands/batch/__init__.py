"""`python cli.py batch`: segment an archive of photos, in this process, or with Ray on one machine or a cluster.

`cli` is the command line. `run` lists the photos of a folder (`storage`) that have no row in the `manifest` (`plan`). A
`worker` segments them as its `job` says: in this process (`local`), or in a `fleet` of processes of a Ray `cluster`,
which the `driver` follows.
"""

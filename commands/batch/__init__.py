"""`python cli.py batch`: an archive of photos, on one machine or on many, with Ray Data.

`command.py` reads the command line, without Ray. `archive.py` brings the photos that `place.py` lists to Ray
(`cluster.py`) and its workers (`worker.py`, which get a `job.py`), and what becomes of them to the manifest
(`manifest.py`).
"""

"""Command lines of the benchmarks."""

import argparse
from pathlib import Path


def argument_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser for `python -m MODULE`; `description` is the module's docstring and keeps its lines."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def voc_argument_parser(module: str, docstring: str | None) -> argparse.ArgumentParser:
    """Return argument_parser() with the folder `voc`, and the option `every`, of benchmarks that measure accuracy."""
    parser = argument_parser(module, docstring)
    parser.add_argument("voc", type=Path, help="a folder with JPEGImages, SegmentationClass and val.txt")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th photo; default: 1")
    return parser

"""Paths that tests, benchmarks and fuzzers share."""

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ASTRONAUT = ROOT / "assets" / "astronaut.jpg"
CHELSEA = ROOT / "assets" / "chelsea.jpg"
HOPPER = ROOT / "assets" / "hopper.jpg"

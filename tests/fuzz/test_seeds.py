"""The first inputs of the fuzzers."""

from core.image.formats import FORMATS
from fuzz.seeds import seeds


def test_seeds_have_every_format() -> None:
    photos = {name.partition("-")[0].upper() for name in seeds()}
    assert {*FORMATS} - photos == set(), "add them to fuzz/seeds.py"

"""The tree of exceptions in the docstring of core.errors is that of the classes."""

import importlib
import pkgutil

import core
from core import errors
from core.errors import SegmenterError


def subtree(class_: type[Exception], depth: int = 0) -> set[tuple[int, str, str]]:
    """Return the depth, the name and the base of `class_` and of each of its subclasses in core."""
    found = {(depth, class_.__name__, class_.__base__.__name__ if class_.__base__ else "")}
    for child in class_.__subclasses__():
        if child.__module__.startswith("core."):
            found |= subtree(child, depth + 1)
    return found


def drawn() -> set[tuple[int, str, str]]:
    """Return the depth, the name and the base of each exception in the docstring."""
    bases = {-1: "Exception"}
    found = set()
    for line in (errors.__doc__ or "").splitlines()[2:]:
        if line.strip():
            depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
            found.add((depth, name, bases[depth - 1]))
            bases[depth] = name
    return found


def test_tree_in_docstring_lists_every_exception_that_core_raises() -> None:
    for module in pkgutil.walk_packages(core.__path__, "core."):
        if module.name != "core.decoders.decoder_program":  # a program
            importlib.import_module(module.name)
    assert drawn() == subtree(SegmenterError)

"""The list of passes: every pass runs, and says what it replaces."""

from importlib import import_module
from inspect import getmembers, isfunction
from pkgutil import iter_modules
from typing import get_type_hints

from core.graph import passes
from core.graph.editor import GraphEditor
from core.graph.passes import PASSES

MODULES = [import_module(f"{passes.__name__}.{module.name}") for module in iter_modules(passes.__path__)]
OF_PASS = {"graph": GraphEditor, "return": type(None)}


def test_passes_has_each_public_function_of_an_editor_in_its_modules() -> None:
    found = {
        function
        for module in MODULES
        for name, function in getmembers(module, isfunction)
        if not name.startswith("_") and function.__module__ == module.__name__ and get_type_hints(function) == OF_PASS
    }
    assert found == set(PASSES), "add the pass to PASSES in core/graph/passes/__init__.py"


def test_docstring_of_pass_shows_the_pattern_and_its_replacement() -> None:
    assert all(" -> " in (run.__doc__ or "") for run in PASSES)

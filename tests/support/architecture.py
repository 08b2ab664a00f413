"""The import rule of docs/architecture.md, as functions that find violations in a tree of modules.

Each module imports only modules below it, and only its own third-party packages. The rule holds for every import
statement, also in functions and under TYPE_CHECKING: a type that a lower module needs belongs into a lower module.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from tests.support.imports import Tree
from tests.support.paths import ROOT

PRODUCT_NAMES = ("app", "server", "api", "segmenter", "config", "core", "commands", "cli")
# Importable folders that are no part of the product.
DEVELOPMENT_NAMES = ("assets", "benchmarks", "docs", "fuzz", "tests")
# Programs beside the product, which call it over HTTP.
CLIENT_NAMES = ("integrations",)
PRODUCT = Tree(ROOT, PRODUCT_NAMES + CLIENT_NAMES)
ALL = Tree(ROOT, PRODUCT_NAMES + CLIENT_NAMES + DEVELOPMENT_NAMES)

# What each top-level module or package may import of the product.
ALLOWED = {
    "core": {"core"},
    "config": {"core"},
    "segmenter": {"core", "config"},
    "api": {"core", "config", "segmenter", "api"},
    "server": {"core", "config", "segmenter", "api", "server"},
    "app": {"core", "config", "segmenter", "api", "server"},
    "commands": {"core", "config", "segmenter", "commands"},
    "cli": {"commands", "segmenter", "core"},
    "integrations": {"integrations"},
}
# The modules and packages of core, from bottom to top. A module imports only from lower groups and from its own
# package; the modules of the lowest and of the highest group may import each other, without cycles.
CORE = [
    {"supported", "errors", "types", "labels", "tensorflow", "heap", "checkpoint", "log"},
    {"image"},
    {"decoders"},
    {"weights"},
    {"graph"},
    {"runtime"},
    {"output"},
    {
        "model",
        "evaluation",
        "calibrator",
        "mixed_calibrator",
        "export",
        "outputs",
        "parameters",
        "kinds",
        "setting_kinds",
    },
]
# The only modules and packages that may import a third-party package.
IMPORTERS = {
    "tensorflow": {"core.tensorflow"},
    "flask": {"api", "server", "app", "integrations.label_studio"},
    "flask_restx": {"api"},
    "werkzeug": {"api", "server", "integrations.label_studio"},
    "prometheus_client": {"api"},
    "granian": {"server.run", "integrations.label_studio"},
    "click": {"commands", "cli"},
    "ray": {"commands.batch"},
    "pyarrow": {"commands.batch"},
    "fsspec": {"commands.batch"},
    "cvat_sdk": {"integrations.cvat"},
    "label_studio_sdk": {"integrations.label_studio"},
    "urllib3": {"integrations"},
    "pycocotools": {"integrations"},
    "watchfiles": {"commands.watch"},
}
# The modules that may use the environment. config and the settings of the backend for Label Studio read it. NumPy,
# TensorFlow and Ray have options that exist only as environment variables, which must be set before NumPy and
# TensorFlow are imported and before Ray starts. oneDNN reads a variable that limits the CPU features it uses;
# core.runtime.cpu must know the same ones. core.decoders.child passes on those that find Python and its libraries.
ENVIRONMENT = {
    "config",
    "core",
    "core.tensorflow",
    "core.decoders.child",
    "core.runtime.cpu",
    "commands.batch.cluster",
    "integrations.label_studio.settings",
}
# Names with an underscore that are documented as public: os._exit() and the methods of named tuples.
PUBLIC_UNDERSCORE = {"_exit", "_asdict", "_fields", "_make", "_replace"}


def layer_violations(tree: Tree) -> Iterator[str]:
    """Yield a line for each import of a top-level module or package that the importer may not import."""
    for found in tree.imports:
        allowed = ALLOWED[found.importer.partition(".")[0]]
        if found.package in DEVELOPMENT_NAMES:
            yield f"{found}; rule: the product imports none of {', '.join(DEVELOPMENT_NAMES)}"
        elif found.package in ALLOWED and found.package not in allowed:
            yield f"{found}; rule: {found.importer} imports only {', '.join(sorted(allowed))}"


def core_violations(tree: Tree) -> Iterator[str]:
    """Yield a line for each import in core that does not lead to a lower group or into the same package."""
    rank = {name: number for number, names in enumerate(CORE) for name in names}
    single = CORE[0] | CORE[-1]
    for found in tree.imports:
        if found.importer.startswith("core.") and found.imported.startswith("core."):
            importer, imported = found.importer.split(".")[1], found.imported.split(".")[1]
            same = importer == imported or (rank[importer] == rank[imported] and {importer, imported} <= single)
            if rank[imported] >= rank[importer] and not same:
                order = " < ".join("/".join(sorted(names)) for names in CORE)
                yield f"{found}; rule: core.{importer} imports only lower packages of {order}"


def third_party_violations(tree: Tree) -> Iterator[str]:
    """Yield a line for each import of a third-party package by a module that may not import it."""
    for found in tree.imports:
        importers = IMPORTERS.get(found.package)
        if importers is not None and found.imported not in tree.modules and not is_in(found.importer, importers):
            yield f"{found}; rule: only {', '.join(sorted(importers))} may import {found.package}"


def environment_violations(tree: Tree) -> Iterator[str]:
    """Yield a line for each use of os.environ, os.getenv() and so on in a module that may not use the environment."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    rule = f"rule: only {', '.join(sorted(ENVIRONMENT))} use the environment"
    for module, file in tree.modules.items():
        if module in ENVIRONMENT:
            continue
        for node in ast.walk(tree.syntax[module]):
            if isinstance(node, ast.Attribute) and node.attr in names and first_name(node.value) == "os":
                yield f"{file}:{node.lineno}: {module} uses os.{node.attr}; {rule}"
    for found in tree.imports:
        if found.imported == "os" and found.name in names and found.importer not in ENVIRONMENT:
            yield f"{found}.{found.name}; {rule}"


def development_violations(tree: Tree) -> Iterator[str]:
    """Yield a line for each import of a test module by benchmarks, fuzzers, documents, assets or tests.support."""
    for found in tree.imports:
        outside = not is_in(found.importer, {"tests"}) or is_in(found.importer, {"tests.support"})
        if outside and found.package == "tests" and not is_in(found.imported, {"tests.support"}):
            yield f"{found}; rule: only tests import tests; tests.support is for benchmarks and fuzzers, too"


def private_violations(tree: Tree) -> Iterator[str]:
    """Yield a line for each imported name, and each attribute of something imported, that starts with an underscore."""
    rule = "rule: names that start with an underscore belong to their module"
    for found in tree.imports:
        parts = [*found.imported.split("."), found.name]
        if any(is_private(part) for part in parts):
            yield f"{found} {found.name}; {rule}"
    variables = {(found.importer, found.variable) for found in tree.imports}
    for module, file in tree.modules.items():
        for node in ast.walk(tree.syntax[module]):
            if isinstance(node, ast.Attribute) and is_private(node.attr):
                used = ast.unparse(node)
                if (module, first_name(node.value)) in variables:
                    yield f"{file}:{node.lineno}: {module} uses {used}; {rule}"


def cycle_violations(tree: Tree) -> Iterator[str]:
    """Yield a line that names the modules of an import cycle, if there is one."""
    if cycle := tree.cycle():
        for importer, imported in pairwise(cycle):
            found = next(i for i in tree.imports if (i.importer, i.imported) == (importer, imported))
            yield f"{found}; rule: no import cycles, and this is one: {' -> '.join(cycle)}"


def is_in(module: str, packages: Iterable[str]) -> bool:
    """Return whether `module` is one of `packages`, or inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name not in PUBLIC_UNDERSCORE


def first_name(node: ast.expr) -> str:
    """Return the first name of a chain of attributes such as `a.b.c`; "" for other expressions."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


Check = Callable[[Tree], Iterator[str]]
CHECKS: list[Check] = [
    layer_violations,
    core_violations,
    third_party_violations,
    environment_violations,
    private_violations,
    cycle_violations,
]

"""Reads the imports of Python modules from their syntax trees, without running the modules."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """An import statement of the module `importer`, at `line` of `file`.

    `imported` is a module: for `from package import name` it is package.name if that is a module of the tree, and
    package otherwise. `name` is the imported name, empty for an `import` statement. `variable` is the name that the
    statement defines in the importer.
    """

    file: Path
    line: int
    importer: str
    imported: str
    name: str
    variable: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.importer} imports {self.imported}"

    @property
    def package(self) -> str:
        """The top-level package or module that is imported."""
        return self.imported.partition(".")[0]


@dataclass(frozen=True)
class Tree:
    """The Python modules of the top-level modules and packages `names` in the folder `root`."""

    root: Path
    names: tuple[str, ...]

    @cached_property
    def modules(self) -> dict[str, Path]:
        """The file of each module, relative to `root`, by the module's name; a package's name is that of its folder."""
        files = [self.root / f"{name}.py" for name in self.names]
        files += [file for name in self.names for file in sorted((self.root / name).rglob("*.py"))]
        return {_module_name(path): path for file in files if file.exists() for path in [file.relative_to(self.root)]}

    @cached_property
    def imports(self) -> list[Import]:
        """All imports: at module level, in functions, and under TYPE_CHECKING."""
        return [
            found
            for module, file in self.modules.items()
            for node in ast.walk(self.syntax[module])
            for found in self._imports_of(node, module, file)
        ]

    @cached_property
    def syntax(self) -> dict[str, ast.Module]:
        """The syntax tree of each module, by the module's name."""
        return {module: ast.parse((self.root / file).read_text(), str(file)) for module, file in self.modules.items()}

    def cycle(self) -> list[str]:
        """Return the modules of one import cycle, in order, with the first module at the end too; [] if there is none.

        An import of `package.module` also runs `package`, which is not counted: a package that imports its own modules
        is no cycle.
        """
        edges: dict[str, list[str]] = {module: [] for module in self.modules}
        for found in self.imports:
            if found.imported in self.modules:
                edges[found.importer].append(found.imported)
        finished: set[str] = set()

        def visit(path: list[str]) -> list[str]:
            for following in edges[path[-1]]:
                if following in path:
                    return [*path[path.index(following) :], following]
                if following not in finished and (cycle := visit([*path, following])):
                    return cycle
            finished.add(path[-1])
            return []

        return next((cycle for module in edges if (cycle := visit([module]))), [])

    def _imports_of(self, node: ast.AST, module: str, file: Path) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, module, alias.name, "", alias.asname or alias.name.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            package = self._absolute(node, module, file)
            for alias in node.names:
                inner = f"{package}.{alias.name}"
                imported = inner if inner in self.modules else package
                yield Import(file, node.lineno, module, imported, alias.name, alias.asname or alias.name)

    def _absolute(self, node: ast.ImportFrom, module: str, file: Path) -> str:
        """Return the absolute name of the module that `node` imports from (PEP 328)."""
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        # Level 1 is the package of the module, which for a package's __init__.py is the package itself.
        base = parts[: len(parts) - node.level + (file.name == "__init__.py")]
        return ".".join([*base, *([node.module] if node.module else [])])


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

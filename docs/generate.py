"""Write the generated tables of settings into the documents: `python -m docs.generate`, or `make docs`."""

import re
from collections.abc import Collection
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from config import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "settings.md")
# The opening mark names the variables of its table, or `all`: <!-- settings: MODEL_TYPE, PORT; a comment -->
TABLE = re.compile(r"(<!-- settings: ([A-Z0-9_, ]+|all);[^\n]*-->\n).*?(<!-- /settings -->)", re.DOTALL)


def settings_table(names: Collection[str] = ()) -> str:
    """Return a Markdown table of the environment variables `names`, or of all settings if `names` is empty.

    Raises KeyError if there is no setting of that name.
    """
    settings = {field.name.upper(): field for field in fields(Settings)}
    header = ["| variable | allowed | default | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join(header + [_row(settings[name]) for name in names or settings])


def _row(field: Field[Any]) -> str:
    default = "" if field.default is MISSING else field.default
    shown = ", ".join(default) if isinstance(default, tuple) else str(default).lower()
    return f"| `{field.name.upper()}` | {field.metadata['kind'].allowed} | {shown} | {field.metadata['purpose']} |"


def generated(document: str) -> str:
    """Return the Markdown text `document` with every table of settings rewritten. Raises KeyError as settings_table."""

    def rewritten(found: re.Match[str]) -> str:
        names = () if found[2] == "all" else found[2].split(", ")
        return f"{found[1]}{settings_table(names)}\n{found[3]}"

    return TABLE.sub(rewritten, document)


if __name__ == "__main__":
    for path in DOCUMENTS:
        path.write_text(generated(path.read_text()))

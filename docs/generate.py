"""Write the generated tables into the documents: `python -m docs.generate`, or `make docs`."""

import re
import textwrap
from collections.abc import Collection
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from config import Settings
from core.image.signature import UNSERVED
from core.outputs import OUTPUTS
from core.parameters import PARAMETERS
from tests.support.pictures.kinds import KINDS

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "settings.md", ROOT / "docs" / "api.md")
# The opening mark has the kind of the table and, for settings, the variables of it, or `all`:
# <!-- settings: MODEL_TYPE, PORT; a comment -->
TABLE = re.compile(
    r"(<!-- (settings|outputs|parameters|pictures|unserved): ([A-Z0-9_, ]+|all);[^\n]*-->\n).*?(<!-- /\2 -->)",
    re.DOTALL,
)


def settings_table(names: Collection[str] = ()) -> str:
    """Return a Markdown table of the environment variables `names`, or of all settings if `names` is empty.

    Raises KeyError if there is no setting of that name.
    """
    settings = {field.name.upper(): field for field in fields(Settings)}
    rows = [_row(settings[name]) for name in names or settings]
    return _table("variable | allowed | default | meaning", rows)


def _row(field: Field[Any]) -> str:
    default = "" if field.default is MISSING else field.default
    shown = ", ".join(default) if isinstance(default, tuple) else str(default).lower()
    return f"`{field.name.upper()}` | {field.metadata['kind'].allowed} | {shown} | {field.metadata['purpose']}"


def outputs_table() -> str:
    """Return a Markdown table of the outputs."""
    formats = {mimetype: mimetype.rpartition("/")[2].upper() for row in OUTPUTS.values() for mimetype in row.encoders}
    rows = [
        f"`{name}` | {' or '.join(formats[mimetype] for mimetype in row.encoders)}: {row.help}"
        for name, row in OUTPUTS.items()
    ]
    return _table("`output` | response", rows)


def parameters_table() -> str:
    """Return a Markdown table of the parameters."""
    rows = [
        f"`{name}` | {row.kind.allowed} | {row.default_text} | "
        f"{f'of `{row.of[0]}={row.of[1]}`: ' if row.of[0] else ''}{row.help}"
        for name, row in PARAMETERS.items()
    ]
    return _table("parameter | values | default | meaning", rows)


def pictures_table() -> str:
    """Return a Markdown table of the kinds of pictures."""
    answers = {kind: f"415: `{kind.refused}`" if kind.refused else kind.becomes or "as it is" for kind in KINDS}
    return _table("photo | answer", [f"{kind.name} | {answer}" for kind, answer in answers.items()])


def unserved_list() -> str:
    """Return a sentence with the kinds of files that are not served."""
    return textwrap.fill(f"Not served: {', '.join(UNSERVED)}.", 120, break_on_hyphens=False)


def _table(header: str, rows: list[str]) -> str:
    line = " | ".join("---" for _ in header.split(" | "))
    return "\n".join(f"| {row} |" for row in [header, line, *rows])


def generated(document: str) -> str:
    """Return the Markdown text `document` with every generated table rewritten. Raises KeyError as settings_table."""

    def rewritten(found: re.Match[str]) -> str:
        names = () if found[3] == "all" else found[3].split(", ")
        tables = {
            "settings": lambda: settings_table(names),
            "outputs": outputs_table,
            "parameters": parameters_table,
            "pictures": pictures_table,
            "unserved": unserved_list,
        }
        return f"{found[1]}{tables[found[2]]()}\n{found[4]}"

    return TABLE.sub(rewritten, document)


if __name__ == "__main__":
    for path in DOCUMENTS:
        path.write_text(generated(path.read_text()))

"""Writes the README's generated table: `python docs/generate.py` (or `make docs`)."""

import re
import sys
from dataclasses import MISSING, fields
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from config import Settings  # noqa: E402


def settings_table() -> str:
    """Return the settings as a table in Markdown."""
    rows = ["| variable | allowed | default | what |", "| --- | --- | --- | --- |"]
    for field in fields(Settings):
        default = "" if field.default is MISSING else field.default
        shown = ", ".join(default) if isinstance(default, tuple) else str(default).lower()
        rows.append(
            f"| `{field.name.upper()}` | {field.metadata['kind'].allowed} | {shown} | {field.metadata['purpose']} |"
        )
    return "\n".join(rows)


def generated(readme: str) -> str:
    """Return `readme` with what stands between its marks written anew."""
    pattern = r"(<!-- settings: [^\n]*-->\n).*?(<!-- /settings -->)"
    return re.sub(pattern, lambda marks: f"{marks[1]}{settings_table()}\n{marks[2]}", readme, flags=re.DOTALL)


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(generated(path.read_text()))

"""The notebook runs as it is committed, draws what it says and tells what the service tells."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.paths import ASTRONAUT, ROOT
from tests.support.service import ServiceProcess


def committed() -> nbformat.NotebookNode:
    """Return the notebook as it is in the repository."""
    notebook: nbformat.NotebookNode = nbformat.read(  # type: ignore[no-untyped-call]
        ROOT / "docs" / "demo.ipynb", as_version=4
    )
    return notebook


@pytest.mark.parametrize("folder", ["docs", "."])
def test_the_notebook_runs(
    folder: str, service: ServiceProcess, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENTER_URL", service.url)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = committed()

    # Raises CellExecutionError where a cell does.
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT / folder)}}).execute()

    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    assert [o for cell in outputs.values() for o in cell if o.output_type in {"error", "stream"}] == []

    for name in ["pictures", "boxes", "cutout"]:
        [figure] = outputs[name]
        png = base64.b64decode(figure.data["image/png"])
        assert png.startswith(b"\x89PNG")
        (pictures / f"notebook-{name}.png").write_bytes(png)

    answer = service.predict(ASTRONAUT.read_bytes(), params={"output": "objects", "size": "original"})
    [person] = [found for found in answer.json()["objects"] if found["label"] == "person"]
    [table] = outputs["objects"]
    [(pixels, share)] = re.findall(r"\| person \| ([\d,]+) \| ([\d.]+%) \|", table.data["text/markdown"])
    assert pixels == f"{person['pixels']:,}"
    assert share == f"{person['fraction']:.1%}"

    [run_lengths_agree] = outputs["areas"]
    assert run_lengths_agree.data["text/plain"] == "True"


def test_the_notebook_is_committed_without_results() -> None:
    notebook = committed()
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None

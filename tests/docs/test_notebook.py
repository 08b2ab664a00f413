"""The notebook runs as committed, and draws and prints what the service returns."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.paths import ASTRONAUT, ROOT
from tests.support.service import TIMEOUT, ServiceProcess


def read_notebook() -> nbformat.NotebookNode:
    """Return the notebook of the repository."""
    notebook: nbformat.NotebookNode = nbformat.read(  # type: ignore[no-untyped-call]
        ROOT / "docs" / "demo.ipynb", as_version=4
    )
    return notebook


@pytest.mark.parametrize("folder", ["docs", pytest.param(".", marks=pytest.mark.slow)])
def test_notebook_run_in_folder_shows_the_service_responses(
    folder: str, service: ServiceProcess, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENTER_URL", service.url)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read_notebook()

    # Raises CellExecutionError if a cell fails.
    NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(ROOT / folder)}}).execute()

    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    assert [o for cell in outputs.values() for o in cell if o.output_type in {"error", "stream"}] == []

    for name in ["pictures", "boxes", "cutout"]:
        [figure] = outputs[name]
        png = base64.b64decode(figure.data["image/png"])
        assert png.startswith(b"\x89PNG")
        (pictures / f"notebook-{name}.png").write_bytes(png)

    response = service.predict(ASTRONAUT.read_bytes(), params={"output": "objects", "size": "original"})
    [person] = [object_ for object_ in response.json()["objects"] if object_["label"] == "person"]
    [table] = outputs["objects"]
    [(pixels, share)] = re.findall(r"\| person \| ([\d,]+) \| ([\d.]+%) \|", table.data["text/markdown"])
    assert pixels == f"{person['pixels']:,}"
    assert share == f"{person['fraction']:.1%}"

    [run_lengths_agree] = outputs["areas"]
    assert run_lengths_agree.data["text/plain"] == "True"


def test_committed_notebook_has_no_outputs() -> None:
    notebook = read_notebook()
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None

"""The options of results: those that do not fit together."""

import pytest
from click.testing import CliRunner

from cli import cli
from tests.support.paths import CHELSEA


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--crop"], "--crop is an option of --output cutout, not of --output overlay; add that, or leave it out"),
        (
            ["--output", "objects", "--tolerance", "3"],
            "--tolerance is an option of --shapes polygons, not of --shapes rle; add that, or leave it out",
        ),
    ],
)
def test_option_of_another_output_names_that_output(options: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["predict", str(CHELSEA), *options])
    assert (result.exit_code, result.output) == (2, f"Error: {message}\n")

"""`python cli.py fetch`: bring the graph of a known model into the cache folder."""

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from commands.shared.errors import failures_of
from commands.shared.help import epilog
from config import Settings
from core.errors import ModelError
from core.graph.quantize.calibration import calibration_path, missing
from core.weights.download import download_graph, install_graph
from core.weights.registry import MODELS, KnownModel, cache_folder, known_weights


@click.command(
    short_help="Download the graph of a model.",
    epilog=epilog(
        *("model_cache", "model_mirror", "model_sha512"),
        done="the graph is in the folder MODEL_CACHE, and its path was printed",
        failed="it can't be downloaded or verified, or a setting can't be used",
    ),
)
@click.argument("name", type=click.Choice(list(MODELS)))
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An archive or a graph that is on this machine already, for machines without a network.",
)
def fetch(name: str, source: Path | None) -> None:
    """Bring the graph of the model NAME into the folder MODEL_CACHE, and verify it.

    It is downloaded from TensorFlow's model zoo, or from MODEL_MIRROR. The same command resumes a broken download.

    Example: python cli.py fetch full
    """
    with failures_of("fetch"):
        settings = Settings.from_environment()
        print(path := _fetch(MODELS[name], source, settings))
        if settings.precision == "int8" and not calibration_path(path).exists():
            command = f"make it with: MODEL_TYPE={name} python cli.py calibrate FOLDER, a folder of photos"
            click.echo(missing(calibration_path(path), command), err=True)


def _fetch(model: KnownModel, source: Path | None, settings: Settings) -> Path:
    """Return the file of the verified graph, which is installed or downloaded if it is missing."""
    sha512 = settings.model_sha512.get(model.name, "")
    expected = sha512 or model.sha512
    if source:
        return install_graph(model, source, cache_folder(settings.model_cache), expected)
    try:
        return known_weights(model.name, settings.model_cache, sha512).path
    except ModelError:
        if model.bundled:
            raise
    cache = cache_folder(settings.model_cache)
    with ExitStack() as stack:
        shown = 0
        bar = None

        def progress(received: int, total: int) -> None:
            nonlocal bar, shown
            # The length of a bar is fixed, and is known with the first bytes.
            bar = bar or stack.enter_context(
                click.progressbar(length=max(total, received), label=model.archive, file=sys.stderr)
            )
            bar.update(received - shown)
            shown = received

        return download_graph(model, cache, settings.model_mirror, expected, progress)

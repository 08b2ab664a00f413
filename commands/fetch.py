"""`python cli.py fetch`: a known model's graph into the cache folder."""

import sys
from pathlib import Path

import click

import core.weights.download
from config import ConfigError, Settings
from core.errors import ModelError, SegmenterError
from core.weights.registry import MODELS, KnownModel, find


@click.command()
@click.argument("name", type=click.Choice(list(MODELS)))
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The archive, or the graph out of it, that you have already: for machines without a network.",
)
def fetch(name: str, source: Path | None) -> None:
    """Get the graph of the model NAME into the folder MODEL_CACHE, and verify it.

    It is downloaded from TensorFlow's model zoo, or MODEL_MIRROR. After a break, the same command goes on from there.

    Example: python cli.py fetch full
    """
    try:
        print(_get(MODELS[name], source, Settings.from_environment()))
    except (ConfigError, SegmenterError) as error:
        raise click.ClickException(str(error)) from error


def _get(model: KnownModel, source: Path | None, settings: Settings) -> Path:
    """Return the verified graph's file, which is brought there if it is not there yet."""
    sha512 = settings.model_sha512.get(model.name, "")
    expected = sha512 or model.sha512
    if source:
        return core.fetch.install(model, source, settings.model_cache, expected)
    try:
        return find(model.name, settings.model_cache, sha512).path
    except ModelError:
        if model.bundled:
            raise
    # Its length is known when the first bytes come.
    with click.progressbar(length=1, label=model.archive, file=sys.stderr) as bar:

        def report(received: int, total: int) -> None:
            bar.length = max(total, received)
            bar.update(received - bar.pos)

        return core.fetch.fetch(model, settings.model_cache, settings.model_mirror, expected, report)

"""The model without a server: `python cli.py --help`."""

import click

from commands.batch.cli import batch
from commands.evaluate import evaluate
from commands.fetch import fetch
from commands.predict import predict


@click.group()
def cli() -> None:
    """Use, get and measure the model that the service serves. Settings are the service's, as environment variables."""


for command in (batch, evaluate, fetch, predict):
    cli.add_command(command)

if __name__ == "__main__":
    cli()

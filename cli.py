"""The command line: `python cli.py --help`."""

import click

from commands.batch.cli import batch
from commands.calibrate import calibrate
from commands.evaluate import evaluate
from commands.fetch import fetch
from commands.predict import predict


@click.group()
def cli() -> None:
    """Use, fetch, calibrate and evaluate the model without a server. The settings are those of the service."""


for command in (batch, calibrate, evaluate, fetch, predict):
    cli.add_command(command)

if __name__ == "__main__":
    cli()

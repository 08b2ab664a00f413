"""`python cli.py serve`: start the service."""

import os
import sys
from pathlib import Path

import click

from commands.shared.errors import failures_of
from commands.shared.help import epilog

APP = Path(__file__).parent.parent / "app.py"


@click.command(
    short_help="Start the HTTP service.",
    epilog=epilog(done="ended by SIGTERM or Ctrl-C", failed="a setting, the address or the model can't be used"),
)
def serve() -> None:
    """Start the HTTP service, exactly as `python app.py` does: this process becomes that one.

    \b
    Example: PORT=8080 python cli.py serve
    Then http://localhost:8080/ describes its API, and http://localhost:8080/demo is a page to try it.
    """
    with failures_of("serve"):
        os.execv(sys.executable, [sys.executable, str(APP)])  # noqa: S606 - a file of this project

"""`python -m integrations.label_studio` serves the backend."""

import logging
import sys

from granian import Granian
from granian.constants import Interfaces

from integrations.client import CONNECTIONS
from integrations.label_studio.errors import SettingsError
from integrations.label_studio.settings import Settings

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.exit(f"error: {error}")
    Granian(
        "integrations.label_studio.app:create_app",
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.host,
        port=settings.port,
        blocking_threads=CONNECTIONS,
    ).serve()

"""The real service, whose session can be made to fail: what can't be had of a healthy one.

    FAULT=hang|fail python benchmarks/faulty_server.py

With "hang", an image that is a hundred times as wide as high never comes back from the session. With "fail", the
session raises at that image and at every one after it.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import app
from core.runtime.engine import Engine
from core.types import Prediction, UInt8Array


class FaultyEngine(Engine):
    """An engine that breaks at one image."""

    _broken = False

    def predict(self, image: UInt8Array) -> Prediction:
        """Break, or do as an engine does."""
        height, width = image.shape[:2]
        if width > 100 * height:
            if os.environ["FAULT"] == "hang":
                threading.Event().wait()
            self._broken = True
        if self._broken:
            raise RuntimeError("the session is broken")
        return super().predict(image)


def main() -> None:
    """Serve as `python app.py` does."""
    engine: Any = sys.modules["core.runtime.engine"]
    engine.Engine = FaultyEngine
    app.main()


if __name__ == "__main__":
    main()

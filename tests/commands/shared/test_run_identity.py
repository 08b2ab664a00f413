"""The properties that two runs must share for the second to resume the first."""

from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands.shared.options import COMMON
from commands.shared.run_identity import check_identity, identity
from config import Settings
from core.errors import SegmenterError
from core.types import Options
from core.weights.registry import Weights
from segmenter import precision_of

OPTIONS = Options(classes=(8, 15))
PICTURE = np.zeros((1, 2, 3), np.uint8)

# The settings on which the results in a folder do not depend, and those that choose the graph, whose checksum tells.
SAME_RESULTS = {
    "HOST", "PORT", "PUBLIC_URL", "CORS_ENABLE", "CORS_ORIGINS", "API_KEY", "API_KEY_FILE", "MAX_UPLOAD_MB",
    "MAX_IMAGE_MEGAPIXELS", "QUEUE_SIZE", "REQUEST_TIMEOUT", "IDLE_TIMEOUT", "THREADS", "LOG_FORMAT",
    "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "DEBUG",
}  # fmt: skip
OF_GRAPH = {"MODEL_TYPE", "MODEL_PATH", "MODEL_CACHE", "MODEL_MIRROR", "MODEL_SHA512"}
WEIGHTS = Weights("own", "unknown", Path("graph.pb"), sha256="1")


def made(**changed: Any) -> dict[str, str]:
    """Return the identity of a run with these properties, and defaults for the others."""
    defaults: dict[str, Any] = {
        "output": "cutout",
        "options": OPTIONS,
        "details": {},
        "settings": Settings(),
        "weights": WEIGHTS,
    }
    return identity(**(defaults | changed))


@pytest.mark.parametrize(
    ("changed", "name", "value"),
    [
        ({"output": "overlay"}, "--output", "overlay"),
        ({"options": Options("original", classes=(8, 15))}, "--size", "original"),
        ({"options": Options()}, "--classes", ""),
        ({"options": Options(classes=(8, 15), edges="photo")}, "--edges", "photo"),
        ({"options": Options(classes=(8, 15), min_score=0.5)}, "--min-score", "0.5"),
        ({"options": Options(classes=(8, 15), look="twice")}, "--look", "twice"),
        (
            {"options": Options(classes=(8, 15), background=PICTURE)},
            "the picture of --background",
            f"(1, 2, 3), {sha256(bytes(6)).hexdigest()}",
        ),
        ({"details": {"crop": True}}, "the options of --output", "--crop True"),
        ({"settings": Settings(image_size=257)}, "IMAGE_SIZE", "257"),
        ({"settings": Settings(canvas="fixed")}, "CANVAS", "fixed"),
        ({"settings": Settings(precision="bfloat16")}, "PRECISION", "bfloat16"),
        ({"weights": replace(WEIGHTS, sha256="2")}, "the graph's sha256", "2"),
        ({"weights": replace(WEIGHTS, labels=("background", "roof"))}, "MODEL_LABELS", "background, roof"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_identity_of_run_with_other_results_differs(changed: dict[str, Any], name: str, value: str) -> None:
    assert dict(made(**changed).items() - made().items()) == {name: value}
    with pytest.raises(SegmenterError, match=f"^out was made with {name}=.*; use the same value, or another folder$"):
        check_identity(made(), made(**changed), "out")


def test_identity_of_run_with_the_same_results_is_accepted() -> None:
    check_identity(made(), made(settings=Settings(threads=1)), "out")


def test_identity_of_precision_auto_has_the_one_that_it_is_here() -> None:
    auto = Settings(precision="auto")
    assert made(settings=auto)["PRECISION"] == precision_of(auto)


def test_each_setting_is_in_the_identity_or_changes_no_results() -> None:
    settings, others = {field.name.upper() for field in fields(Settings)}, SAME_RESULTS | OF_GRAPH
    for name in settings - others:
        assert name in made(), f"add {name} to identity() in commands/shared/run_identity.py, or to SAME_RESULTS here"
    assert settings >= others
    assert not others & made().keys()


def test_each_parameter_of_all_outputs_is_in_the_identity() -> None:
    for name in COMMON:
        option = f"--{name.replace('_', '-')}"
        assert option in made(), f"add {option} to identity() in commands/shared/run_identity.py"


def test_each_parameter_of_all_outputs_is_a_field_of_options() -> None:
    # "mimetype" is the header Accept, and "background" a file.
    assert {field.name for field in fields(Options)} - {"mimetype", "background"} == set(COMMON) - {"output"}, (
        "see core/types.py"
    )

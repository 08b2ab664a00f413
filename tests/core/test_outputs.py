"""The tables of outputs and parameters: everything that is said of them elsewhere agrees with them."""

import re
from collections.abc import Callable

import click
import numpy as np
import pytest
from flask import Flask
from PIL import Image

from api.negotiation import accepted
from api.parameters import Parameters
from cli import cli
from commands.shared.names import RESULTS
from commands.shared.options import COMMON, Wanted
from commands.shared.photos import photo_endings
from commands.shared.results import encoder as encoder_of_file
from commands.shared.results import endings
from config import Settings
from core.kinds import Choice, Flag, Number
from core.labels import LABELS
from core.output.encode import SVG, Encoded
from core.output.segmentation import Segmentation
from core.outputs import OUTPUTS, SUFFIXES, file_suffix
from core.parameters import PARAMETERS, encoder, own_parameters
from core.types import Options, Prediction

FORMATS = [(output, mimetype) for output, row in OUTPUTS.items() for mimetype in row.encoders]
COMMANDS = ("predict", "batch", "watch")


@pytest.fixture(scope="module")
def segmentation() -> Segmentation:
    """A square of class 1 on background."""
    labels = np.zeros((16, 16), np.uint8)
    labels[4:12, 4:12] = 1
    logits = np.stack([labels[::8, ::8] == class_ for class_ in (0, 1)], axis=-1).astype(np.float32)
    return Segmentation(labels, np.zeros((16, 16, 3), np.uint8), ("background", "thing"), Prediction(labels, logits, 8))


def check_content(encoded: Encoded, mimetype: str) -> None:
    """Check that the bytes of `encoded` are of `mimetype`."""
    assert encoded.mimetype == mimetype
    starts = {"application/json": b"{", "image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8", "image/webp": b"RIFF"} | {
        "image/svg+xml": b"<svg "
    }
    assert encoded.content.startswith(starts[mimetype])


@pytest.mark.parametrize(("output", "mimetype"), FORMATS)
def test_encoder_of_media_type_makes_it_for_http_and_for_files(
    segmentation: Segmentation, output: str, mimetype: str
) -> None:
    check_content(encoder(output, {}, mimetype)(segmentation), mimetype)
    with Flask("outputs").test_request_context(headers={"Accept": mimetype}):
        assert accepted(output)[0] == mimetype
    for suffix in SUFFIXES[mimetype]:
        encode = encoder_of_file(output, {}, f"a.{suffix.upper()}")
        assert encode
        check_content(encode(segmentation), mimetype)


@pytest.mark.parametrize("output", OUTPUTS)
def test_name_of_result_has_the_ending_of_its_media_type(segmentation: Segmentation, output: str) -> None:
    name, _, ending = file_suffix(output).rpartition(".")
    assert name == output
    assert f".{ending}" == endings(output)[0]
    assert ending in SUFFIXES[encoder(output)(segmentation).mimetype]
    assert all(RESULTS.fullmatch(f"a.jpg.{output}{suffix}") for suffix in endings(output))


def test_suffixes_of_pictures_are_those_of_pillow() -> None:
    for mimetype, suffixes in SUFFIXES.items():
        for suffix in suffixes if mimetype.startswith("image/") and mimetype != SVG else ():
            assert Image.MIME[Image.registered_extensions()[f".{suffix}"]] == mimetype
            assert f".{suffix}" in photo_endings()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", PARAMETERS)
def test_command_has_an_option_for_each_parameter(command: str, name: str) -> None:
    [option] = [option for option in cli.commands[command].params if option.name == name]
    assert option.opts == [f"--{name.replace('_', '-')}"]
    assert PARAMETERS[name].help[1:] in str(vars(option)["help"])
    if name not in ("output", "size"):
        assert (option.get_default(click.Context(cli)) or None) == (PARAMETERS[name].default or None)


@pytest.mark.parametrize("name", PARAMETERS)
def test_default_and_help_of_parameter_are_consistent(name: str) -> None:
    parameter = PARAMETERS[name]
    assert not parameter.help.endswith(".")
    if parameter.default_text:
        assert parameter.kind.parse(parameter.default_text) == parameter.default
    of, value = parameter.of
    assert not of or value in PARAMETERS[of].kind.allowed


@pytest.mark.parametrize("output", OUTPUTS)
def test_encoders_take_the_own_parameters_of_their_output(output: str) -> None:
    for encode in OUTPUTS[output].encoders.values():
        function: Callable[..., Encoded] = getattr(encode, "func", encode)
        arguments = {*function.__annotations__} - {"segmentation", "return", "mimetype"}
        assert arguments == set(own_parameters(output))


def test_every_own_parameter_belongs_to_one_output() -> None:
    own = [name for output in OUTPUTS for name in own_parameters(output)]
    assert sorted(own) == sorted(name for name, row in PARAMETERS.items() if row.of[0])


def another_value(name: str) -> str:
    """Return a value of parameter `name` that is not its default."""
    match PARAMETERS[name].kind:
        case Flag():
            return "true"
        case Number(maximum):
            return f"{maximum / 2:g}"
        case Choice(values):
            return next(value for value in values if value != PARAMETERS[name].default)
    return "1"


@pytest.mark.parametrize("name", [name for name in COMMON if name != "output"])
def test_parameter_of_all_outputs_changes_the_options_of_requests_and_of_commands(name: str) -> None:
    text, usual = another_value(name), getattr(Options(), name)
    requested = Parameters({name: [text]}).options(LABELS)
    assert getattr(requested, name) != usual, "see Parameters.options() in api/parameters.py"
    values = {common: PARAMETERS[common].default for common in COMMON} | {name: PARAMETERS[name].kind.parse(text)}
    wanted = Wanted(details={}, background=None, **values).options(LABELS, Settings())
    assert getattr(wanted, name) != usual, "see Wanted.options() in commands/shared/options.py"


def test_messages_name_what_is_allowed() -> None:
    for row in PARAMETERS.values():
        assert re.search(r"\w", row.kind.allowed)
        assert "type" in row.kind.schema

"""Click options of results, which several commands share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, get_args

import click
from click.core import ParameterSource

from commands.usage import Refused
from core.labels import class_ids
from core.output.encode import ENCODERS
from core.output.polygons import MAX_TOLERANCE
from core.output.render import BACKGROUNDS, COLOUR_CODE
from core.types import Alpha, Edges, Options, Shapes, Size

# The options of each encoder that has some, and their defaults.
OWN_OPTIONS: dict[str, dict[str, Any]] = {
    "cutout": {"alpha": "soft", "background": BACKGROUNDS[0], "crop": False},
    "objects": {"shapes": "rle", "tolerance": 1.0},
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The result that is wanted of each photo: an encoder's name or "none", and the values of the other options."""

    output: str
    size: Size
    edges: Edges | None
    classes: str | None
    min_score: float
    details: Mapping[str, Any]  # the keyword arguments of the encoder

    def options(self, labels: Sequence[str]) -> Options:
        """Return the options of the segmentation. Raises InvalidRequest for classes that are not in `labels`."""
        classes = tuple(sorted(class_ids(self.classes.split(","), labels))) if self.classes else ()
        return Options(self.size, self.edges, classes, self.min_score)


def _colour(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value not in BACKGROUNDS and not COLOUR_CODE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not allowed; allowed: {', '.join(BACKGROUNDS)}, or #rrggbb")
    return value


def result_options(output: str, *more: str, why: str = "") -> Callable[[Any], Any]:
    """Return a decorator that gives a command the options of results, as one argument `wanted`.

    `output` is the default of --output, `why` tells in its help why it is not that of the other commands, and `more`
    are values of it beside the encoders.
    """
    cutout, objects = OWN_OPTIONS["cutout"], OWN_OPTIONS["objects"]
    options = [
        click.option(
            "--output",
            type=click.Choice([*ENCODERS, *more]),
            default=output,
            help=f"The representation of the result{why}.",
        ),
        click.option(
            "--size",
            type=click.Choice(get_args(Size)),
            default="original",
            help="The size of the result: that of the photo (original) or of the resized image (model: several times "
            "faster for large photos).",
        ),
        click.option(
            "--edges",
            type=click.Choice(get_args(Edges)),
            help="Whether the edges of objects follow the photo, or are the model's; default: photo with --size "
            "original, else model.",
        ),
        click.option(
            "--classes", help="Keep only these classes; the rest becomes background. Names or ids, separated by commas."
        ),
        click.option(
            "--min-score",
            type=click.FloatRange(0, 1),
            default=0.0,
            help="Classes whose mean probability is lower become background.",
        ),
        click.option(
            "--alpha",
            type=click.Choice(get_args(Alpha)),
            default=cutout["alpha"],
            help="cutout: the kind of edges.",
        ),
        click.option(
            "--background",
            callback=_colour,
            default=cutout["background"],
            help=f"cutout: the picture behind the objects: {', '.join(BACKGROUNDS)}, or a colour, #rrggbb.",
        ),
        click.option("--crop", is_flag=True, help="cutout: only the part of the photo that has the objects."),
        click.option(
            "--shapes",
            type=click.Choice(get_args(Shapes)),
            default=objects["shapes"],
            help="objects: also their outlines, as polygons.",
        ),
        click.option(
            "--tolerance",
            type=click.FloatRange(0, MAX_TOLERANCE),
            default=objects["tolerance"],
            help="objects: the pixels by which a simpler polygon may be off.",
        ),
    ]

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(**values: Any) -> Any:
            return function(wanted=_wanted(values), **values)

        for option in reversed(options):
            command = option(command)
        return command

    return decorated


def _wanted(values: dict[str, Any]) -> Wanted:
    """Return the values of the options of results, and remove them from `values`. Raises Refused."""
    output, size, edges, classes, min_score = (
        values.pop(name) for name in ("output", "size", "edges", "classes", "min_score")
    )
    own = {of: {name: values.pop(name) for name in names} for of, names in OWN_OPTIONS.items()}
    given = click.get_current_context().get_parameter_source
    problems = [
        f"--{name} is an option of --output {of}, not of {output}; leave it out"
        for of, names in own.items()
        for name in names
        if of != output and given(name) != ParameterSource.DEFAULT
    ]
    details = {name: value for name, value in own.get(output, {}).items() if value != OWN_OPTIONS[output][name]}
    if details.pop("shapes", None):
        details["tolerance"] = own["objects"]["tolerance"]
    elif "tolerance" in details:
        problems.append("--tolerance is an option of --shapes polygons; add that, or leave it out")
    if problems:
        raise Refused(*problems)
    return Wanted(output, size, edges, classes, min_score, details)

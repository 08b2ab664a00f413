"""The options of results, one for each parameter of core.parameters; predict, batch and watch have them."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from commands.shared.background import read_background
from commands.shared.errors import Refused
from config import Settings
from core.kinds import Background, Choice, Flag, Kind, Number
from core.labels import class_ids
from core.parameters import BACKGROUND, PARAMETERS, own_parameters
from core.types import Edges, Look, Options, Size

# The default of --size. The API's default, model, is faster; results in files are for people to look at.
SIZE = "original"
# The parameters of all outputs.
COMMON = [name for name, parameter in PARAMETERS.items() if not parameter.of[0]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The values of the options of results: `output` is a name in OUTPUTS or "none"."""

    output: str
    size: Size
    edges: Edges | None
    classes: str | None
    min_score: float
    min_area: float
    pieces: bool
    look: Look
    details: Mapping[str, Any]  # the parameters of `output` alone that differ from their defaults
    background: Path | None  # the file of the picture behind a cut-out

    def options(self, labels: Sequence[str], settings: Settings) -> Options:
        """Return the options of the segmentation by a model of `settings`.

        Raises InvalidRequest for classes that are not in `labels`, and for a background that can't be decoded.
        """
        classes = tuple(sorted(class_ids(self.classes.split(","), labels))) if self.classes else ()
        background = read_background(self.background, settings) if self.background else None
        return Options(
            *(self.size, self.edges, classes, self.min_score, self.min_area, self.pieces, self.look),
            background=background,
        )


class ParameterType(click.ParamType[Any]):
    """The values of a parameter as Click reads them."""

    name = "text"

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value in the text `value`. Raises BadParameter."""
        try:
            return self._kind.parse(value)
        except ValueError:
            if isinstance(self._kind, Background) and os.path.exists(value):
                return Path(value)
            missing = ", and no file" if isinstance(self._kind, Background) else ""
            self.fail(f"{value!r} is not allowed{missing}; allowed: {self._kind.allowed}", param, ctx)


def result_options(output: str, *more: str, why: str = "") -> Callable[[Any], Any]:
    """Return a decorator that gives a command the options of results, as one argument `wanted`.

    `output` is the default of --output, `why` is appended to its help, and `more` are values of it beside the outputs.
    """
    options = [_option(name) for name in PARAMETERS if name != "output"]
    kind = click.Choice([*PARAMETERS["output"].kind.schema["enum"], *more])
    options.insert(0, click.option("--output", type=kind, default=output, help=f"{_help('output')}{why}."))

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(**values: Any) -> Any:
            return function(wanted=_wanted(values), **values)

        for option in reversed(options):
            command = option(command)
        return command

    return decorated


def _option(name: str) -> Callable[[Any], Any]:
    """Return the option of the parameter `name`."""
    parameter, flag = PARAMETERS[name], f"--{name.replace('_', '-')}"
    default = SIZE if name == "size" else parameter.default
    match parameter.kind:
        case Flag():
            return click.option(flag, is_flag=True, help=f"{_help(name)}.")
        case Choice(values):
            type_: Any = click.Choice(values)
        case Number(maximum):
            type_ = click.FloatRange(0, maximum)
        case _:
            type_ = ParameterType(parameter.kind)
    return click.option(flag, name, type=type_, default=default, help=f"{_help(name)}.")


def _help(name: str) -> str:
    of, value = PARAMETERS[name].of
    text = PARAMETERS[name].help
    return f"With --{of} {value}: {text}" if of else text[0].upper() + text[1:]


def _wanted(values: dict[str, Any]) -> Wanted:
    """Return the values of the options of results, and remove them from `values`. Raises Refused."""
    given = click.get_current_context().get_parameter_source
    found = {name: values.pop(name) for name in PARAMETERS}
    problems = []
    for name, parameter in PARAMETERS.items():
        of, value = parameter.of
        if of and found[of] != value and given(name) != ParameterSource.DEFAULT:
            problems.append(
                f"--{name} is an option of --{of} {value}, not of --{of} {found[of]}; add that, or leave it out"
            )
    if problems:
        raise Refused(*problems)
    background = found[BACKGROUND] if isinstance(found[BACKGROUND], Path) else None
    if background:
        found[BACKGROUND] = PARAMETERS[BACKGROUND].default
    details = {name: found[name] for name in own_parameters(found["output"]) if found[name] != PARAMETERS[name].default}
    return Wanted(details=details, background=background, **{name: found[name] for name in COMMON})

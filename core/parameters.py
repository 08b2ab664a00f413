"""The parameters of a segmentation: one row for all that HTTP, the command line and the documents say of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from core.kinds import Background, Choice, Flag, Kind, Names, Number
from core.output.encode import Encoded, Encoder, fits
from core.output.polygons import MAX_TOLERANCE
from core.output.render import BACKGROUNDS, BLUR
from core.output.segmentation import Segmentation, width_height
from core.outputs import OUTPUTS
from core.types import Alpha, Edges, Look, Shapes, Size


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its `kind`, its `default` (None if it depends, as `help` says), and what it means.

    It counts only if another parameter has a value: `of` has the name and the value, both empty if it always counts.
    """

    kind: Kind
    default: Any
    help: str
    of: tuple[str, str] = ("", "")

    @property
    def default_text(self) -> str:
        """The default as it would be in a URL; "" if there is none."""
        if isinstance(self.default, float):
            return f"{self.default:g}"
        return "" if self.default is None else str(self.default).lower()


# The parameter whose value can be a file.
BACKGROUND = "background"
MAX_BLUR = 0.1
NONE: Mapping[str, Any] = {}
CUTOUT, OBJECTS, POLYGONS = ("output", "cutout"), ("output", "objects"), ("shapes", "polygons")
BLURRED = (BACKGROUND, "blur")
PARAMETERS = {
    "output": Parameter(Choice(tuple(OUTPUTS)), None, "the representation of the result"),
    "size": Parameter(
        Choice(get_args(Size)),
        "model",
        "the size of the result: model, that of the resized image, or original, that of the upright photo",
    ),
    "edges": Parameter(
        Choice(get_args(Edges)),
        None,
        "the edges of objects: photo, which follow the colours of the photo, or model, which are smooth; default: "
        "photo with the size original, else model",
    ),
    "classes": Parameter(Names(), None, "keep only these classes; the rest becomes background; default: all"),
    "min_score": Parameter(
        Number(1), 0.0, "classes whose score, the mean probability of their pixels, is lower become background"
    ),
    "min_area": Parameter(
        Number(1), 0.0, "connected regions of a class that cover a smaller share of the picture become background"
    ),
    "pieces": Parameter(
        Flag(),
        False,
        "whether each connected region of a class is an object of its own, in objects and coco; what touches is one",
    ),
    "look": Parameter(
        Choice(get_args(Look)),
        "once",
        "how often the model looks: once, or twice, at objects below a tenth of a photo that is larger than IMAGE_SIZE",
    ),
    "alpha": Parameter(
        Choice(get_args(Alpha)),
        "soft",
        "the edges of a cut-out: soft, which follow the photo, without the colours of its background, or hard, which "
        "are those of the labels",
        CUTOUT,
    ),
    BACKGROUND: Parameter(
        Background(),
        BACKGROUNDS[0],
        "what is behind a cut-out: transparent, blur (the photo's background, blurred), white, a colour, #rrggbb, or a "
        "picture, which is scaled and cropped to cover the photo",
        CUTOUT,
    ),
    "blur": Parameter(
        Number(MAX_BLUR),
        BLUR,
        "how strongly the background is blurred: the standard deviation as a share of the photo's long side",
        BLURRED,
    ),
    "crop": Parameter(Flag(), False, "whether a cut-out is cropped to the objects", CUTOUT),
    "shapes": Parameter(
        Choice(get_args(Shapes)), "rle", "the shapes of objects: run-length encodings alone, or polygons too", OBJECTS
    ),
    "tolerance": Parameter(
        Number(MAX_TOLERANCE),
        1.0,
        "how far simplifying moves the outline of a polygon at most, in pixels",
        POLYGONS,
    ),
}


def own_parameters(output: str) -> list[str]:
    """Return the names of the parameters that only `output` has, which its encoders take."""
    own: list[str] = []
    for name, parameter in PARAMETERS.items():
        if parameter.of == ("output", output) or parameter.of[0] in own:
            own.append(name)
    return own


def encoder(output: str, values: Mapping[str, Any] = NONE, *mimetypes: str) -> Encoder:
    """Return the encoder of `output` with its parameters in `values`.

    It makes the first one of `mimetypes` that can hold the picture. Without any, it makes the first one of the output.
    """
    encoders = OUTPUTS[output].encoders
    own = {name: values.get(name, PARAMETERS[name].default) for name in own_parameters(output)}
    wanted = mimetypes or tuple(encoders)[:1]
    if len(wanted) == 1:
        return partial(encoders[wanted[0]], **own)

    def encode(segmentation: Segmentation) -> Encoded:
        size = width_height(segmentation.seg_map)
        fitting = (mimetype for mimetype in wanted if fits(size, mimetype))
        return encoders[next(fitting, wanted[0])](segmentation, **own)

    return encode

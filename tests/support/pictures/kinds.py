"""The table of the kinds of pictures: what the service makes of each. docs/api.md shows it."""

import re
from dataclasses import dataclass

from core.image.signature import UNSERVED


@dataclass(frozen=True)
class Kind:
    """A kind of pictures, and its cells: those whose whole names match `cells`.

    `becomes` tells how a picture is converted, if it is. A picture that is not served is `refused`: with status 415 and
    these words in the message.
    """

    name: str
    cells: str
    becomes: str = ""
    refused: str = ""

    def has(self, cell: str) -> bool:
        """Return whether the cell of this name is of the kind."""
        return re.fullmatch(self.cells, cell) is not None


HIGH_BITS, WHITE, TO_SRGB, TO_RGB = "the high 8 bits", "blended with white", "converted to sRGB", "converted to RGB"
IGNORED = "ignored"

KINDS = (
    # ---- shown as they are
    Kind("JPEG: baseline or progressive, colour or grey, any subsampling", r"JPEG (subsampling|grey|restarts).*"),
    Kind(
        "JPEG, PNG or GIF without the mark of its end, or with other bytes behind it",
        r"\w+ (without its end|with half an end|with other bytes behind it)",
    ),
    Kind("PNG of 1 to 8 bits, palette, interlaced", r"PNG (grey|palette|colour) [1248]|PNG interlaced"),
    Kind("WEBP, lossy or lossless", r"WEBP loss(y|less)"),
    Kind("AVIF of 8 bits, any subsampling, grey, in a file of the brand mif1", r"AVIF (4:.:.|grey|with the brand .*)"),
    Kind("GIF, interlaced or not", r"GIF (plain|interlaced)"),
    Kind(
        "BMP of 1, 4, 8, 24 and 32 bits, and of 16 bits (555, 565)",
        r"BMP (1 bit|grey|palette|colour|without bit fields|with a header .*|(BGRX|XRGB|555|565) .*)",
    ),
    Kind(
        "TIFF of 1 to 8 bits: grey, white is zero, palette, RGB",
        r"TIFF (grey|white is zero) [1248] [<>] .|TIFF colour 8 [<>] .|TIFF palette",
    ),
    Kind(
        "TIFF in strips or tiles, packed by LZW, PackBits, Deflate, JPEG, LZMA, Zstandard, and as fax",
        r"TIFF (colour \D.*|tiles|fax group.|fax tiff_ccitt)",
    ),
    Kind("TIFF of 64 bits (BigTIFF, little-endian)", r"TIFF of 64 bits"),
    Kind("PPM and PGM, binary, with the maximum 255", r"P[GP]M 255 .*"),
    # ---- converted
    Kind(
        "transparent PNG, WEBP, GIF, AVIF, BMP",
        r"(PNG|WEBP|AVIF) .* with alpha|GIF with a transparent colour|"
        r"PNG grey .* with a transparent value|BMP (BGRA|RGBA|ABGR)",
        WHITE,
    ),
    Kind(
        "transparent TIFF of 8 bits, and RGB of 16",
        r"TIFF photometric [12] alpha [12] 8 [<>] .|TIFF photometric 2 alpha [12] 16 [<>] .",
        WHITE,
    ),
    Kind("BMP whose alpha is zero everywhere", r"BMP .{4} with an empty alpha", "the picture without alpha"),
    Kind(
        "TIFF with an extra channel that is no alpha: of 8 bits, and RGB of 16",
        r"TIFF photometric [12] alpha 0 8 [<>] .|TIFF photometric 2 alpha 0 16 [<>] .",
        "the picture without it",
    ),
    Kind("RGB TIFF of 8 bits with alpha and further channels", r"TIFF channels 2 .*", WHITE),
    Kind(
        "RGB TIFF of 8 bits with several extra channels that are no alpha",
        r"TIFF channels 0( 0)*",
        "the picture without them",
    ),
    Kind(
        "16 bits per channel: PNG, TIFF",
        r"PNG (grey|colour) 16|TIFF (grey|colour) 16 [<>] .|TIFF white is zero 16 < .",
        HIGH_BITS,
    ),
    Kind("12 bits, little-endian, grey: TIFF", r"TIFF grey 12 < .", HIGH_BITS),
    Kind("10 and 12 bits: AVIF", r"AVIF 1[02] bits", "8 bits"),
    Kind("CMYK: JPEG, TIFF", r"JPEG CMYK .*|TIFF CMYK (8|16) [<>] .", TO_RGB),
    Kind("YCbCr in a TIFF, also subsampled with compression", r"TIFF YCbCr [18]|TIFF YCbCr subsampled . x . 8", TO_RGB),
    Kind(
        "separate planes in a TIFF: of 8 bits, grey of fewer or 16 with compression",
        r"TIFF grey 8 planar . 1|TIFF (grey|white is zero) [1248] planar . 8|TIFF grey 16 planar . 8|"
        r"TIFF white is zero 16 planar < 8|TIFF grey 12 planar < 8|TIFF (colour|CMYK) 8 planar . .|"
        r"TIFF photometric 2 alpha . 8 planar . 8|TIFF photometric 2 alpha 2 8 planar . 1",
        "one picture",
    ),
    Kind("a colour profile (ICC) in JPEG, PNG, WEBP, TIFF, AVIF", r"(JPEG|PNG|WEBP|TIFF|AVIF) profile", TO_SRGB),
    Kind("PNG colours by cICP, sRGB, or gAMA with cHRM, in this order; cHRM alone tells none", r"PNG told .*", TO_SRGB),
    Kind("AVIF colours by nclx of the primary picture, else by its AV1 stream", r"AVIF told .*", TO_SRGB),
    Kind(
        "orientation in EXIF, of any integer type: JPEG, PNG, WEBP, AVIF, TIFF",
        r"(JPEG|PNG|WEBP|AVIF|TIFF) orientation (\d|of type .*)",
        "turned upright",
    ),
    Kind(
        "orientation in XMP alone, or behind the pixels of a PNG",
        r"JPEG orientation in XMP alone|PNG orientation behind the pixels",
        IGNORED,
    ),
    Kind("clean aperture of an AVIF", r"AVIF clean aperture", "cropped to it"),
    Kind("animation, several pages or pictures", r"\w+ animation|(JPEG|TIFF) two (pictures|pages)", "the first"),
    Kind(
        "a TIFF whose first page is reduced, such as a thumbnail",
        r"TIFF reduced page first",
        "the first one that is not",
    ),
    Kind(
        "GIF or WEBP whose first picture is smaller than its canvas",
        r"(GIF|WEBP animation) smaller than its canvas.*",
        "white around it",
    ),
    Kind("metadata that is damaged, short, too long or too large, in any format", r"\w+ damaged: .*", IGNORED),
    # ---- refused
    Kind("JPEG, lossless (also JPEG-LS) or hierarchical", r"JPEG lossless.*", refused="lossless and hierarchical JPEG"),
    Kind("JPEG of 12 bits", r"JPEG of 12 bits", refused="JPEG with 12 bits per sample"),
    Kind("JPEG of two channels", r"JPEG of two channels", refused="JPEG with 2 components"),
    Kind("HDR colours (PQ, HLG): PNG, AVIF", r"(PNG|AVIF) HDR (PQ|HLG).*", refused="with HDR colours"),
    Kind(
        "AVIF with a transfer function that browsers do not show",
        r"AVIF (logarithmic|of xvYCC)",
        refused="AVIF with transfer function",
    ),
    Kind(
        "AVIF with a feature that is not decoded",
        r"AVIF of an unknown coding",
        refused="has a feature that is not decoded",
    ),
    Kind(
        "PNG of 16 bits per channel with a transparent colour",
        r"PNG colour 16 with a transparent value",
        refused="PNG of 16 bits with a transparent colour",
    ),
    Kind(
        "BMP with bit fields that programs hardly write",
        r"BMP (RGBX|XBGR|10 bits|BGR 555|444) \d+|BMP 2 bits|BMP 10 bits and .*",
        refused="of a kind that is not served",
    ),
    Kind("TIFF of 32 or 64 bits", r"TIFF (grey|white is zero|colour) 32 .*|TIFF uint64 .*", refused="-bit samples"),
    Kind(
        "TIFF of 12 bits, but for little-endian grey",
        r"TIFF (grey 12 > .|(white is zero|colour) 12 [<>] .)",
        refused="12-bit samples",
    ),
    Kind("TIFF of RGB with 1 to 4 bits", r"TIFF colour [124] [<>] .", refused="-bit samples"),
    Kind(
        "TIFF of grey with 16 bits, big-endian, white is zero",
        r"TIFF white is zero 16 > .",
        refused="16-bit samples, photometric interpretation 0",
    ),
    Kind("TIFF with signed integers", r"TIFF int\d+ .*", refused="-bit signed integers"),
    Kind("TIFF with floats", r"TIFF float\d+ .*", refused="-bit floats"),
    Kind(
        "TIFF of grey with 16 bits and an extra channel",
        r"TIFF photometric 1 alpha . 16 [<>] .",
        refused="16-bit samples, 1 extra channel",
    ),
    Kind(
        "TIFF with several extra channels, of which the last is alpha", r"TIFF channels 0 2", refused="2 extra channels"
    ),
    Kind(
        "TIFF with other separate planes",
        r"TIFF ((grey|white is zero) [124] planar . 1|white is zero 8 planar . 1|(grey|"
        r"white is zero) 16 planar . 1|white is zero 16 planar > 8|(white is zero|colour) 12 planar . .|"
        r"grey 12 planar > .|grey 12 planar < 1|colour [124] planar . .|(colour|CMYK) 16 planar . .|"
        r"photometric 1 alpha . . planar . .|photometric . alpha . 16 planar . .|"
        r"photometric 2 alpha [01] 8 planar . 1)",
        refused="separate planes",
    ),
    Kind("TIFF of CIELAB", r"TIFF CIELAB", refused="photometric interpretation 8 (CieLAB)"),
    Kind(
        "TIFF of subsampled YCbCr without compression", r"TIFF YCbCr subsampled . x . 1", refused="subsampled colours"
    ),
    Kind(
        "TIFF with another compression, such as old JPEG, JPEG 2000, WEBP, LERC",
        r"TIFF compression \d+",
        refused="compression",
    ),
    Kind(
        "TIFF with more than 65,535 fax lines", r"TIFF fax of too many lines", refused="70000 fax lines (at most 65535)"
    ),
    Kind("texts (HTML, JSON, base64, ...)", r"text: .*", refused="texts (HTML, JSON, base64, ...) are not served"),
)
UNSERVED_KINDS = tuple(
    Kind(name, rf"{re.escape(name)}(, packed)?: .*", refused=f"{name} are not served") for name in UNSERVED
)


def kind_of(cell: str) -> Kind:
    """Return the kind of the cell of this name. Raises ValueError if it has none or several."""
    kinds = [kind for kind in (*KINDS, *UNSERVED_KINDS) if kind.has(cell)]
    if len(kinds) != 1:
        names = [kind.name for kind in kinds]
        raise ValueError(f"{cell!r} is of {len(kinds)} kinds, {names}; see KINDS in tests/support/pictures/kinds.py")
    return kinds[0]

"""TIFF: which picture of a file is its photo, and which pixels are rejected because they would be decoded wrongly."""

import io
import re
from contextlib import suppress

from PIL.ExifTags import Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Tags
from PIL.TiffImagePlugin import TiffImageFile
from PIL.TiffTags import lookup

from core.errors import UnsupportedImage

HEADER = re.compile(rb"(II\*\0|MM\0\*)|II\+\0")  # a group for those with positions of 4 bytes
# How camera raw files begin: of Canon, twice, and of Phase One, Leaf and Mamiya.
RAW = re.compile(rb"(?:II\*\0|MM\0\*).{4}(?:CR|\xba\xb0\xac\xbb|IIII|MMMM)", re.DOTALL)
SENSOR = {32803, 34892}  # photometric interpretations: pixels of one colour each, and a sensor's colours (DNG 1.7)
MAX_DIRECTORIES = 16  # that are read of a file; each describes a picture
REDUCED, OLD_REDUCED = 1, 2  # a bit of NewSubfileType, a value of SubfileType
FAX = {2, 3, 4}  # compressions
MAX_FAX_LINES = 65_535  # libtiff writes a message for each damaged line; 12 million of them took 26 s
YCBCR = 6  # a photometric interpretation
UNSIGNED, SEPARATE = 1, 2  # a sample format, a planar configuration
STRAIGHT = 2  # alpha as an extra sample, not multiplied with the colours
CHANNELS = {2: 3, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3}  # of photometric interpretations; of others 1
SAMPLES = {1: "samples", 2: "signed integers", 3: "floats"}
# Pillow's modes of TIFF that are not served: 32-bit integers and floats have no agreed white level, and Pillow does not
# convert LAB.
UNSERVED_MODES = {"I", "F", "LAB"}
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000}  # CCITT, LZW, JPEG, Deflate, PackBits, LZMA, Zstandard


def with_photo_first(data: bytes) -> bytes:
    """Return the TIFF file `data` with a header that leads to its first picture that is not reduced, if it has one.

    Other files are returned unchanged. Raises UnsupportedImage for a camera raw file, whose photo is not decoded.
    """
    directories = _directories(data)
    first = next(iter(directories.values()), Tags())
    whole = [position for position, tags in directories.items() if not _is_reduced(tags)]
    photo = directories[whole[0]] if whole else first
    is_lost = Base.SubIFDs in first and not whole
    is_turned = first.get(Base.Orientation, 1) not in (1, photo.get(Base.Orientation))  # Pillow would not turn it
    has_sensor = any(tags.get(Base.PhotometricInterpretation) in SENSOR for tags in directories.values())
    if RAW.match(data) or Base.DNGVersion in first or has_sensor or is_lost or is_turned:
        raise UnsupportedImage("camera raw files are not served; send JPEG, PNG or another picture that was exported")
    if photo is first:
        return data
    size = 8 if data[2:4] == b"+\0" else 4
    return data[:size] + whole[0].to_bytes(size, "little" if data[:1] == b"I" else "big") + data[2 * size :]


def check_pixels(image: TiffImageFile) -> None:
    """Raise UnsupportedImage if the pixels of the opened `image` would not be decoded rightly."""
    tags = image.tag_v2
    if (
        image.mode in UNSERVED_MODES
        or set(tags.get(Base.SampleFormat, (UNSIGNED,))) != {UNSIGNED}
        or tags.get(Base.Compression, 1) not in COMPRESSIONS
        or _is_subsampled(tags)
        or _fax_lines(tags) > MAX_FAX_LINES
        or (tags.get(Base.PlanarConfiguration) == SEPARATE and not _are_planes_right(image))
    ):
        raise UnsupportedImage(_rejection(tags))


def rejection(data: bytes) -> str:
    """Return why Pillow can't open the TIFF file `data`, "" if it is damaged, or no TIFF."""
    tags = next(iter(_directories(data).values()), Tags())
    return _rejection(tags) if Base.BitsPerSample in tags else ""


def _rejection(tags: Tags) -> str:
    """Return a message with the properties of pixels with these `tags` that 8-bit RGB and grey lack; "" without any."""
    colours, compression = tags.get(Base.PhotometricInterpretation, 1), tags.get(Base.Compression, 1)
    bits, kinds = sorted({*tags.get(Base.BitsPerSample, (1,))}), {*tags.get(Base.SampleFormat, (UNSIGNED,))}
    extra = tags.get(Base.SamplesPerPixel, 1) - CHANNELS.get(colours, 1)
    kind = " and ".join(SAMPLES.get(kind, f"samples of type {kind}") for kind in sorted(kinds))
    properties = {
        f"{'/'.join(map(str, bits))}-bit {kind}": bits != [8] or kinds != {UNSIGNED},
        f"{extra} extra channel{'s' * (extra > 1)}": extra > 0,
        f"{_fax_lines(tags)} fax lines (at most {MAX_FAX_LINES})": _fax_lines(tags) > MAX_FAX_LINES,
        "subsampled colours": _is_subsampled(tags),
        "separate planes": tags.get(Base.PlanarConfiguration) == SEPARATE,
        _named(Base.PhotometricInterpretation, colours, "photometric interpretation"): colours not in (1, 2),
        _named(Base.Compression, compression, "compression"): compression not in COMPRESSIONS,
    }
    found = ", ".join(name for name, is_found in properties.items() if is_found)
    return found and f"TIFF with {found} is not served; save as 8-bit RGB or grey without extra channels"


def _named(tag: int, value: int, name: str) -> str:
    """Return the `name` of `tag` with its `value`, and what the value means, if that is known."""
    meanings = [meaning for meaning, number in (lookup(tag).enum or {}).items() if number == value]
    return " ".join([name, str(value), *(f"({meaning})" for meaning in meanings[:1])])


def _directories(data: bytes) -> dict[int, Tags]:
    """Return the tags of the pictures of a TIFF by position: each page, followed by the pictures that belong to it."""
    found: dict[int, Tags] = {}
    if header := HEADER.match(data):
        head = data[: 8 if header[1] else 16]
        positions = [Tags(head).next]
        with suppress(Exception):  # the directories before a damaged one are enough
            while positions and len(found) < MAX_DIRECTORIES:
                file, tags = io.BytesIO(data), Tags(head)
                file.seek(positions[0])
                tags.load(file)
                found[positions.pop(0)] = tags
                following = (*tags.get(Base.SubIFDs, ()), tags.next, *positions)
                positions = [position for position in following if position and position not in found]
    return found


def _is_reduced(tags: Tags) -> bool:
    """Return whether a picture with these `tags` is a thumbnail, or another reduced one."""
    return bool(tags.get(Base.NewSubfileType, 0) & REDUCED) or tags.get(Base.SubfileType) == OLD_REDUCED


def _fax_lines(tags: Tags) -> int:
    """Return the number of lines of pixels with these `tags` that are coded one by one."""
    width, tile = tags.get(Base.ImageWidth, 0), tags.get(Base.TileWidth, 0)
    is_fax = tags.get(Base.Compression) in FAX
    return tags.get(Base.ImageLength, 0) * (-(-width // tile) if tile else 1) if is_fax else 0


def _is_subsampled(tags: Tags) -> bool:
    """Return whether pixels with these `tags` are subsampled YCbCr that Pillow takes for whole pixels."""
    is_ycbcr = tags.get(Base.PhotometricInterpretation) == YCBCR and tags.get(Base.Compression, 1) == 1
    return is_ycbcr and tags.get(Base.YCbCrSubSampling, (2, 2)) != (1, 1)


def _are_planes_right(image: TiffImageFile) -> bool:
    """Return whether Pillow decodes the separate planes of `image` rightly; tests/core/image/test_oracle.py has all."""
    tags = image.tag_v2
    bits, is_compressed = tags.get(Base.BitsPerSample, (1,)), tags.get(Base.Compression, 1) != 1
    if len(bits) == 1:
        is_black_zero = tags.get(Base.PhotometricInterpretation) == 1
        return is_compressed or (bits == (8,) and image.mode == "L" and is_black_zero)
    if image.mode in ("RGB", "CMYK"):
        return set(bits) == {8}
    is_straight = tags.get(Base.ExtraSamples) == (STRAIGHT,)
    return image.mode == "RGBA" and set(bits) == {8} and (is_compressed or is_straight)

"""TIFF: which picture of a file is its photo, and which pixels are rejected because they would be decoded wrongly."""

from PIL.ExifTags import Base
from PIL.TiffTags import lookup

from core.errors import UnsupportedImage
from core.image.directory import Tags, directories

SENSOR = {32803, 34892}  # photometric interpretations: pixels of one colour each, and a sensor's colours (DNG 1.7)
REDUCED, OLD_REDUCED = 1, 2  # a bit of NewSubfileType, a value of SubfileType
FAX = {2, 3, 4}  # compressions
MAX_FAX_LINES = 65_535  # libtiff writes a message for each damaged line; 12 million of them took 26 s
GREY, RGB, CMYK, YCBCR, LAB = 1, 2, 5, 6, 8  # photometric interpretations
UNSIGNED, SEPARATE = 1, 2  # a sample format, a planar configuration
PREMULTIPLIED = 1  # alpha as an extra sample, multiplied with the colours
CHANNELS = {RGB: 3, CMYK: 4, YCBCR: 3, LAB: 3, 9: 3, 10: 3}  # of photometric interpretations; of others 1
SAMPLES = {1: "samples", 2: "signed integers", 3: "floats"}
MAX_BITS = 16  # integers of 32 bits and floats have no agreed white level
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000}  # CCITT, LZW, JPEG, Deflate, PackBits, LZMA, Zstandard


def photo_alone(data: bytes) -> bytes:
    """Return the TIFF file `data` with the first of its pictures that is not reduced alone, without metadata.

    Other files are returned unchanged. Raises UnsupportedImage for a camera raw file, whose photo is not decoded, and
    for pixels that would not be decoded rightly.
    """
    pictures = list(directories(data))
    if not pictures:
        return data
    first = pictures[0]
    whole = [picture for picture in pictures if not _is_reduced(picture.tags)]
    photo = whole[0] if whole else first
    is_lost = Base.SubIFDs in first.tags and not whole
    turned = _first(first.tags, Base.Orientation, 1)
    is_turned = turned not in (1, _first(photo.tags, Base.Orientation, 0))  # it would not be turned
    has_sensor = any(_first(picture.tags, Base.PhotometricInterpretation, 0) in SENSOR for picture in pictures)
    if Base.DNGVersion in first.tags or has_sensor or is_lost or is_turned:
        raise UnsupportedImage("camera raw files are not served; send JPEG, PNG or another picture that was exported")
    if not _is_decoded(photo.tags):
        raise UnsupportedImage(_rejection(photo.tags))
    return photo.alone(data)


def rejection(data: bytes) -> str:
    """Return why Pillow can't open the TIFF file `data`, "" if it is damaged, or no TIFF."""
    first = next(directories(data), None)
    return _rejection(first.tags) if first and Base.BitsPerSample in first.tags else ""


def _rejection(tags: Tags) -> str:
    """Return a message with the properties of pixels with these `tags` that 8-bit RGB and grey lack; "" without any."""
    colours, compression = _first(tags, Base.PhotometricInterpretation, 1), _first(tags, Base.Compression, 1)
    bits, kinds = sorted({*tags.get(Base.BitsPerSample, (1,))}), {*tags.get(Base.SampleFormat, (UNSIGNED,))}
    extra = _first(tags, Base.SamplesPerPixel, 1) - CHANNELS.get(colours, 1)
    kind = " and ".join(SAMPLES.get(kind, f"samples of type {kind}") for kind in sorted(kinds))
    properties = {
        f"{'/'.join(map(str, bits))}-bit {kind}": bits != [8] or kinds != {UNSIGNED},
        f"{extra} extra channel{'s' * (extra > 1)}": extra > 0,
        f"{_fax_lines(tags)} fax lines (at most {MAX_FAX_LINES})": _fax_lines(tags) > MAX_FAX_LINES,
        "subsampled colours": _is_subsampled(tags),
        "separate planes": _has_planes(tags),
        _named(Base.PhotometricInterpretation, colours, "photometric interpretation"): colours not in (GREY, RGB),
        _named(Base.Compression, compression, "compression"): compression not in COMPRESSIONS,
    }
    found = ", ".join(name for name, is_found in properties.items() if is_found)
    return found and f"TIFF with {found} is not served; save as 8-bit RGB or grey without extra channels"


def _is_decoded(tags: Tags) -> bool:
    """Return whether Pillow decodes pixels with these `tags` rightly, if it does."""
    return not (
        max(tags.get(Base.BitsPerSample, (1,))) > MAX_BITS
        or set(tags.get(Base.SampleFormat, (UNSIGNED,))) != {UNSIGNED}
        or _first(tags, Base.PhotometricInterpretation, GREY) == LAB
        or _first(tags, Base.Compression, 1) not in COMPRESSIONS
        or _is_subsampled(tags)
        or _fax_lines(tags) > MAX_FAX_LINES
        or (_has_planes(tags) and not _are_planes_right(tags))
    )


def _first(tags: Tags, tag: int, default: int) -> int:
    """Return the first value of `tag`."""
    return tags.get(tag, (default,))[0]


def _named(tag: int, value: int, name: str) -> str:
    """Return the `name` of `tag` with its `value`, and what the value means, if that is known."""
    meanings = [meaning for meaning, number in (lookup(tag).enum or {}).items() if number == value]
    return " ".join([name, str(value), *(f"({meaning})" for meaning in meanings[:1])])


def _is_reduced(tags: Tags) -> bool:
    """Return whether a picture with these `tags` is a thumbnail, or another reduced one."""
    return bool(_first(tags, Base.NewSubfileType, 0) & REDUCED) or _first(tags, Base.SubfileType, 0) == OLD_REDUCED


def _fax_lines(tags: Tags) -> int:
    """Return the number of lines of pixels with these `tags` that are coded one by one."""
    width, tile = _first(tags, Base.ImageWidth, 0), _first(tags, Base.TileWidth, 0)
    is_fax = _first(tags, Base.Compression, 1) in FAX
    return _first(tags, Base.ImageLength, 0) * (-(-width // tile) if tile else 1) if is_fax else 0


def _is_subsampled(tags: Tags) -> bool:
    """Return whether pixels with these `tags` are subsampled YCbCr that Pillow takes for whole pixels."""
    is_ycbcr = _first(tags, Base.PhotometricInterpretation, GREY) == YCBCR
    return is_ycbcr and _first(tags, Base.Compression, 1) == 1 and tags.get(Base.YCbCrSubSampling, (2, 2)) != (1, 1)


def _has_planes(tags: Tags) -> bool:
    """Return whether the samples of a pixel with these `tags` are in separate planes."""
    return _first(tags, Base.PlanarConfiguration, 1) == SEPARATE


def _are_planes_right(tags: Tags) -> bool:
    """Return whether Pillow decodes separate planes rightly; tests/core/image/test_oracle.py has all."""
    bits, colours = tags.get(Base.BitsPerSample, (1,)), _first(tags, Base.PhotometricInterpretation, GREY)
    is_compressed = _first(tags, Base.Compression, 1) != 1
    if len(bits) == 1:
        return is_compressed or (bits == (8,) and colours == GREY)
    is_alpha_right = is_compressed or PREMULTIPLIED not in tags.get(Base.ExtraSamples, ())
    return {*bits} == {8} and colours in (RGB, CMYK, YCBCR) and is_alpha_right

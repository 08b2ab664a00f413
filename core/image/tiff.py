"""TIFF: which picture of a file is its photo, and which pixels are rejected because they would be decoded wrongly."""

from PIL.ExifTags import Base
from PIL.TiffTags import lookup

from core.errors import UnsupportedImage
from core.image.directory import Tags, directories, with_directory

SENSOR = {(32803,), (34892,)}  # photometric interpretations: pixels of one colour, and a sensor's colours (DNG 1.7)
REDUCED, OLD_REDUCED = 1, 2  # a bit of NewSubfileType, a value of SubfileType
NOT_TURNED = 1
FAX = {(2,), (3,), (4,)}  # compressions
MAX_FAX_LINES = 65_535  # libtiff writes a message for each damaged line; 12 million of them took 26 s
GREY, RGB, CMYK, YCBCR, LAB = 1, 2, 5, 6, 8  # photometric interpretations
PLAIN, UNSIGNED, SEPARATE = (1,), (1,), (2,)  # a compression, a sample format, a planar configuration
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
    pictures = [found for found in directories(data) if Base.ImageWidth in found.tags]
    if not pictures:
        return data
    first = pictures[0].tags
    whole = [picture for picture in pictures if not _is_reduced(picture.tags)]
    photo = (whole or pictures)[0]
    is_lost = Base.SubIFDs in first and not whole
    (turn, *_), turned = first[Base.Orientation], photo.tags[Base.Orientation]
    is_turned = turn != NOT_TURNED and turned != first[Base.Orientation]  # the photo would not be turned
    has_sensor = any(picture.tags[Base.PhotometricInterpretation] in SENSOR for picture in pictures)
    if Base.DNGVersion in first or has_sensor or is_lost or is_turned:
        raise UnsupportedImage("camera raw files are not served; send JPEG, PNG or another picture that was exported")
    if not _is_right(photo.tags):
        raise UnsupportedImage(_rejection(photo.tags))
    return with_directory(data, photo)


def rejection(data: bytes) -> str:
    """Return why Pillow can't open the TIFF file `data`, "" if it is damaged, or no TIFF."""
    first = next(directories(data), None)
    return _rejection(first.tags) if first and Base.BitsPerSample in first.tags else ""


def _rejection(tags: Tags) -> str:
    """Return a message with the properties of pixels with these `tags` that 8-bit RGB and grey lack; "" without any."""
    colours, compression = tags[Base.PhotometricInterpretation][0], tags[Base.Compression][0]
    bits, kinds = sorted({*tags[Base.BitsPerSample]}), {*tags[Base.SampleFormat]}
    extra = tags[Base.SamplesPerPixel][0] - CHANNELS.get(colours, 1)
    kind = " and ".join(SAMPLES.get(kind, f"samples of type {kind}") for kind in sorted(kinds))
    properties = {
        f"{'/'.join(map(str, bits))}-bit {kind}": bits != [8] or kinds != {*UNSIGNED},
        f"{extra} extra channel{'s' * (extra > 1)}": extra > 0,
        f"{_fax_lines(tags)} fax lines (at most {MAX_FAX_LINES})": _fax_lines(tags) > MAX_FAX_LINES,
        "subsampled colours": _is_subsampled(tags),
        "separate planes": tags[Base.PlanarConfiguration] == SEPARATE,
        _named(Base.PhotometricInterpretation, colours, "photometric interpretation"): colours not in (GREY, RGB),
        _named(Base.Compression, compression, "compression"): compression not in COMPRESSIONS,
    }
    found = ", ".join(name for name, is_found in properties.items() if is_found)
    return found and f"TIFF with {found} is not served; save as 8-bit RGB or grey without extra channels"


def _named(tag: int, value: int, name: str) -> str:
    """Return the `name` of `tag` with its `value`, and what the value means, if that is known."""
    meanings = [meaning for meaning, number in (lookup(tag).enum or {}).items() if number == value]
    return " ".join([name, str(value), *(f"({meaning})" for meaning in meanings[:1])])


def _is_reduced(tags: Tags) -> bool:
    """Return whether a picture with these `tags` is a thumbnail, or another reduced one."""
    return bool(tags[Base.NewSubfileType][0] & REDUCED) or tags[Base.SubfileType][0] == OLD_REDUCED


def _is_right(tags: Tags) -> bool:
    """Return whether pixels with these `tags` are decoded rightly, if Pillow opens them."""
    return (
        max(tags[Base.BitsPerSample]) <= MAX_BITS
        and {*tags[Base.SampleFormat]} == {*UNSIGNED}
        and tags[Base.PhotometricInterpretation] != (LAB,)
        and tags[Base.Compression][0] in COMPRESSIONS
        and not _is_subsampled(tags)
        and _fax_lines(tags) <= MAX_FAX_LINES
        and (tags[Base.PlanarConfiguration] != SEPARATE or _are_planes_right(tags))
    )


def _fax_lines(tags: Tags) -> int:
    """Return the number of lines of pixels with these `tags` that are coded one by one."""
    tile = tags[Base.TileWidth][0]
    tiles = -(-tags[Base.ImageWidth][0] // tile) if tile else 1
    return tags[Base.ImageLength][0] * tiles if tags[Base.Compression] in FAX else 0


def _is_subsampled(tags: Tags) -> bool:
    """Return whether pixels with these `tags` are subsampled YCbCr that Pillow takes for whole pixels."""
    is_plain_ycbcr = (tags[Base.PhotometricInterpretation], tags[Base.Compression]) == ((YCBCR,), PLAIN)
    return is_plain_ycbcr and tags[Base.YCbCrSubSampling] != (1, 1)


def _are_planes_right(tags: Tags) -> bool:
    """Return whether Pillow decodes separate planes rightly; tests/core/image/test_oracle.py has all."""
    bits, colours, is_compressed = (
        tags[Base.BitsPerSample],
        tags[Base.PhotometricInterpretation][0],
        tags[Base.Compression] != PLAIN,
    )
    if len(bits) == 1:
        return is_compressed or (bits == (8,) and colours == GREY)
    is_alpha_right = is_compressed or PREMULTIPLIED not in tags[Base.ExtraSamples]
    return {*bits} == {8} and colours in (RGB, CMYK, YCBCR) and is_alpha_right

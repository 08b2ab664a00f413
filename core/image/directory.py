"""The directories of a TIFF file: what each tells of a picture (TIFF 6.0, 2, and BigTIFF)."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL.ExifTags import Base

HEADER = re.compile(rb"II\*\0|MM\0\*|II\+\0")
MAX_DIRECTORIES, MAX_ENTRIES = 16, 65_535  # that are read of a file; each directory describes a picture
MAX_VALUES = 64  # of a tag that are read; lists of strips are longer, and are for the decoder
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
BYTE, LONG, RATIONAL, UNDEFINED = 1, 4, 5, 7
# The tags that pixels need, and the types that they may have.
INTEGER_TAGS = """
    NewSubfileType SubfileType ImageWidth ImageLength BitsPerSample Compression PhotometricInterpretation FillOrder
    StripOffsets Orientation SamplesPerPixel RowsPerStrip StripByteCounts PlanarConfiguration T4Options T6Options
    Predictor ColorMap TileWidth TileLength TileOffsets TileByteCounts SubIFDs ExtraSamples SampleFormat
    YCbCrSubSampling YCbCrPositioning DNGVersion
"""
TYPES = (
    {int(Base[name]): INTEGERS for name in INTEGER_TAGS.split()}
    | {int(tag): {BYTE: "B", UNDEFINED: "B"} for tag in (Base.JPEGTables, Base.InterColorProfile)}
    | {int(tag): {RATIONAL: "II"} for tag in (Base.YCbCrCoefficients, Base.ReferenceBlackWhite)}
)
ONE = "BitsPerSample Compression Orientation PhotometricInterpretation PlanarConfiguration SampleFormat SamplesPerPixel"
DEFAULTS = {int(Base[name]): (1,) for name in ONE.split()} | {int(Base.YCbCrSubSampling): (2, 2)}


class Tags(dict[int, tuple[int, ...]]):
    """The first values of tags; the default of one that is missing, or 0."""

    def __missing__(self, tag: int) -> tuple[int, ...]:
        return DEFAULTS.get(tag, (0,))


class Directory(NamedTuple):
    """A directory at `position`: its `tags`, `entries` that pixels need, and the position of the `following` one."""

    position: int
    tags: Tags
    entries: dict[int, bytes]
    following: int


def directories(data: bytes) -> Iterator[Directory]:
    """Yield the directories of the TIFF file `data`: each page, followed by the pictures that belong to it.

    Nothing of another file. A damaged directory, or more than MAX_DIRECTORIES, end it.
    """
    if HEADER.match(data):
        order, _, _, offset = _layout(data)
        positions, seen = [*struct.unpack_from(order + offset, data.ljust(16), struct.calcsize(offset))], {0}
        while positions and len(seen) <= MAX_DIRECTORIES:
            if (position := positions.pop(0)) not in seen:
                try:
                    directory = _read(data, position)
                except struct.error:
                    return
                yield directory
                seen.add(position)
                positions[:0] = (*directory.tags.get(Base.SubIFDs, ()), directory.following)


def with_directory(data: bytes, directory: Directory) -> bytes:
    """Return the TIFF file `data` with this `directory` alone, without entries that pixels do not need."""
    order, number, _, offset = _layout(data)
    size, view = struct.calcsize(offset), memoryview(data)
    header = data[:size] + struct.pack(order + offset, directory.position)
    content = struct.pack(order + number, len(directory.entries)) + b"".join(directory.entries.values()) + bytes(size)
    end = directory.position + len(content)
    return b"".join([header, view[2 * size : directory.position], content, view[end:]])


def _layout(data: bytes) -> tuple[str, str, str, str]:
    """Return the order of bytes in a TIFF, and the types of a number of entries, an entry, and an offset."""
    return ("<" if data.startswith(b"I") else ">", *(("Q", "HHQ8s", "Q") if data[2:3] == b"+" else ("H", "HHI4s", "I")))


def _read(data: bytes, position: int) -> Directory:
    """Return the directory at this `position`. Raises struct.error if it is none."""
    order, number, fields, offset = _layout(data)
    entry = struct.Struct(order + fields)
    (count,) = struct.unpack_from(order + number, data, position)
    start = position + struct.calcsize(number)
    tags, entries = Tags(), {}
    for at in range(start, start + min(count, MAX_ENTRIES) * entry.size, entry.size):
        if at + entry.size > len(data):
            break
        tag, kind, length, value = entry.unpack_from(data, at)
        type_ = TYPES.get(tag, {}).get(kind)
        if tag in tags or not type_ or not length:
            continue
        size = length * struct.calcsize(order + type_)
        (place,) = struct.unpack(order + offset, value) if size > len(value) else (at + entry.size - len(value),)
        if place + size <= len(data):
            tags[tag] = struct.unpack_from(order + min(length, MAX_VALUES) * type_, data, place)
            entries[tag] = data[at : at + entry.size]
            if length == 1 and kind in INTEGERS and 0 <= tags[tag][0] < 1 << 32:  # Pillow reads no other types
                entries[tag] = entry.pack(tag, LONG, 1, struct.pack(order + "I", tags[tag][0]))
    end = data[start + count * entry.size :][: struct.calcsize(offset)].ljust(struct.calcsize(offset), b"\0")
    return Directory(position, tags, entries, *struct.unpack(order + offset, end))

"""The boxes of an AVIF file: which picture of it is decoded (ISO/IEC 14496-12, 8, and 23008-12, 9)."""

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

Box: TypeAlias = tuple[bytes, memoryview]

# Boxes that are read of another one, and bytes of one that describes pictures; a hostile file has millions.
MAX_BOXES, MAX_DESCRIPTION = 65_536, 1 << 20
VISUAL_ENTRY = 78  # bytes of the description of a track's samples before its properties
IN_META = b"\0\1"  # a way to locate an item: in the box `idat`
NOTHING = memoryview(b"")


class Picture(NamedTuple):
    """The picture that libavif decodes: its `properties`, and the AV1 `stream` that begins with its header."""

    properties: list[Box]
    stream: memoryview


def decoded_picture(data: bytes) -> Picture:
    """Return the first picture of the sequence in the AVIF file `data`, or its primary item."""
    file = memoryview(data)
    return (_track(file) if data[8:12] == b"avis" else None) or _item(file)


def _track(file: memoryview) -> Picture | None:
    """Return the first track of `file` that is not the alpha of another one; None without any."""
    for name, track in _boxes(_box(file, b"moov")[:MAX_DESCRIPTION]):
        table = _box(track, b"mdia", b"minf", b"stbl")
        coding, description = next(_boxes(_box(table, b"stsd")[8:]), (b"", NOTHING))
        if name == b"trak" and coding == b"av01" and not _box(track, b"tref", b"auxl"):
            position = _box(table, b"stco")[8:12] or _box(table, b"co64")[8:16]
            return Picture(list(_boxes(description[VISUAL_ENTRY:])), file[int.from_bytes(position) :])
    return None


def _item(file: memoryview) -> Picture:
    """Return the primary item of `file`; of a grid, with the stream of its first tile."""
    meta = _box(file, b"meta")[4:MAX_DESCRIPTION]
    item = int.from_bytes(_box(meta, b"pitm")[4:])
    known = list(_boxes(_box(meta, b"iprp", b"ipco")))
    lists = [box for name, box in _boxes(_box(meta, b"iprp")) if name == b"ipma"]
    properties = [known[number - 1] for box in lists for number in _numbers(box, item) if 0 < number <= len(known)]
    references = _box(meta, b"iref")
    size = 2 if bytes(references[:1]) == b"\0" else 4
    grids = (box for name, box in _boxes(references[4:]) if name == b"dimg" and int.from_bytes(box[:size]) == item)
    tile = next((int.from_bytes(box[size + 2 : 2 * size + 2]) for box in grids), item)
    return Picture(properties, _stream(file, meta, tile))


def _numbers(associations: memoryview, item: int) -> list[int]:
    """Return the numbers of the properties of `item`, from 1, in a box `ipma`, in their order."""
    read = io.BytesIO(associations).read
    version, flags, _ = read(1), read(3), read(4)
    id_size, size = 2 if version == b"\0" else 4, 1 + (flags[-1:] == b"\1")
    while found := read(id_size):
        numbers = read(int.from_bytes(read(1)) * size)
        if int.from_bytes(found) == item:
            essential = 1 << (8 * size - 1)
            return [int.from_bytes(numbers[at : at + size]) & ~essential for at in range(0, len(numbers), size)]
    return []


def _stream(file: memoryview, meta: memoryview, item: int) -> memoryview:
    """Return `file` from the first byte of `item` on; nothing if the box `iloc` does not tell it."""
    read = io.BytesIO(_box(meta, b"iloc")).read
    version, _, sizes = read(1), read(3), read(2).hex() or "0000"
    offset_size, length_size, base_size, index_size = (int(size, 16) for size in sizes)
    index_size *= version != b"\0"
    id_size = 4 if version == b"\2" else 2
    read(id_size)  # their number
    while found := read(id_size):
        method, _ = b"" if version == b"\0" else read(2), read(2)
        base = int.from_bytes(read(base_size))
        extents = read(int.from_bytes(read(2)) * (index_size + offset_size + length_size))
        if int.from_bytes(found) == item:
            start = base + int.from_bytes(extents[index_size : index_size + offset_size])
            return (_box(meta, b"idat") if method == IN_META else file)[start:]
    return NOTHING


def _box(data: memoryview, *path: bytes) -> memoryview:
    """Return the content of the first box with each name of `path` in the one before; nothing if there is none."""
    for name in path:
        data = next((content for found, content in _boxes(data) if found == name), NOTHING)
    return data


def _boxes(data: memoryview) -> Iterator[Box]:
    """Yield name and content of the boxes in `data`, MAX_BOXES at most."""
    for _ in range(MAX_BOXES):
        if len(data) < 8:
            return
        size, name = struct.unpack_from(">I4s", data)
        start = 8
        if size == 1:
            size, start = int.from_bytes(data[8:16]), 16
        end = size or len(data)
        if end < start:
            return
        yield name, data[start:end]
        data = data[end:]

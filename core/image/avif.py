"""The size of the coded frames in an AVIF file, which can exceed the size in its header.

libavif decodes a frame of up to 268 megapixels before it scales the frame to the size in the header. The coded size is
in the AV1 sequence header, which is in the data of the items (a picture, its alpha plane) and of the tracks (an
animation). A frame can override the size of its sequence header. That size is not read, because the AV1 specification
forbids it to be larger.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from core.errors import InvalidImage

# Boxes that contain other boxes, with the number of bytes before the first of these.
CONTAINERS = {b"meta": 4, b"iinf": 6, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}
# A photo has about 20 boxes and two items of one extent each.
MAX_PARTS = 10_000
# The innermost box that is read is moov/trak/mdia/minf/stbl/stco.
MAX_DEPTH = 6
# Bytes of a track that are read; its sequence header comes first.
MAX_TRACK_BYTES = 4096
# The extent length that stands for "to the end of the file", which iloc encodes as 0.
TO_END_OF_FILE = 1 << 62

SEQUENCE_HEADER = 1  # the obu_type of a sequence header
# Bytes of a sequence header that are read. With the maximum of 32 operating points, the size ends earlier.
MAX_HEADER_BYTES = 1000

Box = tuple[bytes, int, int]
T = TypeVar("T")


@dataclass(slots=True)
class BitReader:
    """Reads unsigned integers from `data`, most significant bit first. Raises EOFError at the end of the data."""

    data: bytes
    position: int = 0  # in bits

    def read(self, bits: int) -> int:
        """Return the integer in the next `bits` bits."""
        end = self.position + bits
        if end > 8 * len(self.data):
            raise EOFError
        first, last = self.position // 8, -(-end // 8)
        self.position = end
        value = int.from_bytes(self.data[first:last]) >> (8 * last - end)
        return value & ((1 << bits) - 1)

    def read_integer(self, size: int) -> int:
        """Return the integer in the next `size` bytes."""
        return self.read(8 * size)


def coded_pixels(data: bytes) -> int:
    """Return the number of pixels of the largest frame that the sequence headers in the AVIF file `data` announce.

    The result is 0 if there is no sequence header. Raises InvalidImage if the file has more parts than any photo.
    """
    boxes = _limited(_boxes(data, 0, len(data)))
    extents = _limited(_extents(data, boxes))
    # Many extents can refer to the same bytes.
    if sum(len(extent) for _, extent in extents) > 2 * len(data):
        raise InvalidImage("the AVIF is damaged: its items refer to the same bytes repeatedly; save it again")
    streams: dict[int, bytearray] = {}
    for stream_id, extent in extents:
        streams.setdefault(stream_id, bytearray()).extend(data[extent.start : extent.stop])
    obus = _limited(obu for stream in streams.values() for obu in _obus(bytes(stream)))
    return max((_max_frame_pixels(payload) for type_, payload in obus if type_ == SEQUENCE_HEADER), default=0)


def _limited(parts: Iterator[T]) -> list[T]:
    """Return `parts` as a list. Raises InvalidImage if there are more than MAX_PARTS."""
    found = list(islice(parts, MAX_PARTS + 1))
    if len(found) > MAX_PARTS:
        raise InvalidImage(f"the AVIF has more than {MAX_PARTS:,} parts; save it again with fewer")
    return found


def _boxes(data: bytes, start: int, end: int, depth: int = 0) -> Iterator[Box]:
    """Yield the type, start and end of the content of each box between `start` and `end`, and of the boxes inside."""
    while start + 8 <= end:
        size, type_, header_size = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8], 8
        if size == 1:
            size, header_size = int.from_bytes(data[start + 8 : start + 16]), 16
        if 0 < size < header_size:
            return
        stop = min(end, start + size) if size else end
        content = start + header_size
        yield type_, content, stop
        if type_ in CONTAINERS and depth < MAX_DEPTH:
            # From version 1 on, the number of items in iinf has four bytes instead of two.
            extra = 2 if type_ == b"iinf" and data[content : content + 1] != b"\0" else 0
            yield from _boxes(data, content + CONTAINERS[type_] + extra, stop, depth + 1)
        start = stop


def _extents(data: bytes, boxes: list[Box]) -> Iterator[tuple[int, range]]:
    """Yield a stream id and the byte range of each extent of the AV1 items, and of the beginning of each track.

    The stream id is the item id, or a negative number for a track.
    """
    av1_items = {_av1_item(data[start:end]) for type_, start, end in boxes if type_ == b"infe"}
    idat = next((start for type_, start, _ in boxes if type_ == b"idat"), 0)
    for type_, start, end in boxes:
        # libavif does not read more from a truncated box either.
        with suppress(EOFError):
            if type_ == b"iloc":
                for item, offset, length in _item_locations(BitReader(data[start:end]), idat):
                    in_file = range(offset, min(len(data), offset + length))
                    yield item, in_file if item in av1_items else range(0)
            elif type_ in (b"stco", b"co64"):
                reader = BitReader(data[start : start + 16])
                reader.read_integer(8)  # version, flags, number of chunks
                offset = reader.read_integer(4 if type_ == b"stco" else 8)
                yield -start, range(offset, min(len(data), offset + MAX_TRACK_BYTES))


def _av1_item(infe: bytes) -> int:
    """Return the item id in the content of an infe box if the item holds AV1 data, otherwise -1."""
    id_size = 4 if infe[:1] == b"\3" else 2
    return int.from_bytes(infe[4 : 4 + id_size]) if infe[6 + id_size : 10 + id_size] == b"av01" else -1


def _item_locations(reader: BitReader, idat: int) -> Iterator[tuple[int, int, int]]:
    """Yield the item id, offset and length of each extent in the content of an iloc box.

    Each item starts with an empty extent, so that items without extents count as parts. `idat` is the position of the
    content of the idat box. Raises EOFError.
    """
    version = reader.read_integer(1)
    reader.read_integer(3)  # flags
    offset_size, length_size, base_size, index_size = (reader.read(4) for _ in range(4))
    id_size = 4 if version == 2 else 2
    for _ in range(reader.read_integer(id_size)):
        item = reader.read_integer(id_size)
        yield item, 0, 0
        construction_method = reader.read_integer(2) & 15 if version else 0
        reader.read_integer(2)  # data reference
        base = reader.read_integer(base_size) + (idat if construction_method == 1 else 0)
        for _ in range(reader.read_integer(2)):
            if version:
                reader.read_integer(index_size)
            offset = reader.read_integer(offset_size)
            yield item, base + offset, reader.read_integer(length_size) or TO_END_OF_FILE


def _obus(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the first MAX_HEADER_BYTES bytes of the payload of each unit (OBU) of the AV1 `stream`."""
    position = 0
    while position < len(stream):
        header = stream[position]
        type_, has_extension, has_size = header >> 3 & 15, header & 4, header & 2
        position += 2 if has_extension else 1
        size = len(stream) - position
        if has_size:
            # LEB128: seven bits per byte, least significant group first; the high bit is set if another byte follows.
            ends = (n for n in range(1, 9) if position + n <= len(stream) and stream[position + n - 1] < 128)
            length = next(ends, 0)
            if not length:
                return
            size = sum((stream[position + n] & 127) << 7 * n for n in range(length))
            position += length
        yield type_, stream[position : position + min(size, MAX_HEADER_BYTES)]
        position += size


def _max_frame_pixels(header: bytes) -> int:
    """Return the maximum number of pixels per frame in a sequence header.

    The result is 0 if the header is truncated: no decoder accepts it.
    """
    with suppress(EOFError):
        width, height = _max_frame_size(BitReader(header))
        return width * height
    return 0


def _max_frame_size(reader: BitReader) -> tuple[int, int]:
    """Return the maximum width and height of a frame in a sequence header (AV1 specification, section 5.5.1).

    Raises EOFError.
    """
    reader.read(3 + 1)  # seq_profile, still_picture
    if reader.read(1):  # reduced_still_picture_header
        reader.read(5)  # seq_level_idx
    else:
        decoder_model = delay_bits = 0
        if reader.read(1):  # timing_info_present_flag
            reader.read(32 + 32)  # num_units_in_display_tick, time_scale
            if reader.read(1):  # equal_picture_interval
                _skip_uvlc(reader)
            if decoder_model := reader.read(1):
                delay_bits = reader.read(5) + 1
                reader.read(32 + 5 + 5)
        initial_delays = reader.read(1)
        for _ in range(reader.read(5) + 1):  # operating points
            reader.read(12)  # operating_point_idc
            if reader.read(5) > 7:  # seq_level_idx
                reader.read(1)  # seq_tier
            if decoder_model and reader.read(1):
                reader.read(2 * delay_bits + 1)
            if initial_delays and reader.read(1):
                reader.read(4)
    width_bits, height_bits = reader.read(4) + 1, reader.read(4) + 1
    return reader.read(width_bits) + 1, reader.read(height_bits) + 1


def _skip_uvlc(reader: BitReader) -> None:
    """Skip a variable-length integer: as many bits as there are zeros before the first one, none from 32 zeros on."""
    zeros = 0
    while not reader.read(1):
        zeros += 1
    reader.read(zeros if zeros < 32 else 0)

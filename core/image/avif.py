"""How large the pictures in an AVIF file are coded, which is not what its header has to say of them.

libavif decodes a frame of up to 268 megapixels before it scales it to the size in the header. The size is in the AV1
sequence header, which is in the data of the items (a picture, its alpha) and of the tracks (an animation). What is not
looked at: a frame of its own that overrides the header's size, which the standard forbids to be larger.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from core.errors import InvalidImage

# Boxes that hold boxes, and how many bytes come before those.
CONTAINERS = {b"meta": 4, b"iinf": 6, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}
SEQUENCE_HEADER = 1
# How much of a track is looked at; its sequence header comes first.
FIRST_SAMPLE = 4096
# A photo has some 20 boxes and two items in a piece each; the deepest that counts is moov/trak/mdia/minf/stbl/stco.
MAX_PIECES, MAX_DEPTH = 10_000, 6
WHOLE = 1 << 62  # what a length of 0 stands for
# Of a sequence header, as far as the size; with 32 operating points it is shorter.
LONGEST_HEADER = 1000
TOO_MANY = "the AVIF is made of too many pieces; save it anew"

Box = tuple[bytes, int, int]
Thing = TypeVar("Thing")


@dataclass(slots=True)
class Bits:
    """Bytes that are read bit by bit, or byte by byte from the start of a byte. Raises EOFError at their end."""

    data: bytes
    position: int = 0

    def read(self, count: int) -> int:
        end = self.position + count
        if end > 8 * len(self.data):
            raise EOFError
        first, last = self.position // 8, -(-end // 8)
        self.position = end
        value = int.from_bytes(self.data[first:last]) >> (8 * last - end)
        return value & ((1 << count) - 1)

    def bytes(self, count: int) -> int:
        return self.read(8 * count)


def coded_pixels(data: bytes) -> int:
    """Return how many pixels the largest frame has that the AV1 data in the file `data` announces.

    Raises InvalidImage where finding that out is more work than any photo is.
    """
    boxes = _some(_boxes(data, 0, len(data)))
    pieces = _some(_pieces(data, boxes))
    # The same bytes may be named again and again.
    if sum(len(where) for _, where in pieces) > 2 * len(data):
        raise InvalidImage(TOO_MANY)
    streams: dict[int, bytearray] = {}
    for stream, where in pieces:
        streams.setdefault(stream, bytearray()).extend(data[where.start : where.stop])
    units = _some(unit for stream_ in streams.values() for unit in _units(bytes(stream_)))
    return max((_frame_pixels(Bits(content)) for kind, content in units if kind == SEQUENCE_HEADER), default=0)


def _some(things: Iterator[Thing]) -> list[Thing]:
    """Return `things`, of which no photo has too many. Raises InvalidImage."""
    some = list(islice(things, MAX_PIECES + 1))
    if len(some) > MAX_PIECES:
        raise InvalidImage(TOO_MANY)
    return some


def _boxes(data: bytes, start: int, end: int, depth: int = 0) -> Iterator[Box]:
    """Return each box between `start` and `end`, and those in it: its kind, and where its contents are."""
    while start + 8 <= end:
        size, kind, head = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16]), 16
        if 0 < size < head:
            return
        stop = min(end, start + size) if size else end
        content = start + head
        yield kind, content, stop
        if kind in CONTAINERS and depth < MAX_DEPTH:
            wide = 2 if kind == b"iinf" and data[content : content + 1] != b"\0" else 0
            yield from _boxes(data, content + CONTAINERS[kind] + wide, stop, depth + 1)
        start = stop


def _pieces(data: bytes, boxes: list[Box]) -> Iterator[tuple[int, range]]:
    """Return each piece of each item or track: a number that is the stream's own, and where the piece is."""
    pictures = {_item(data[start:end]) for kind, start, end in boxes if kind == b"infe"}
    in_meta = next((start for kind, start, _ in boxes if kind == b"idat"), 0)
    for kind, start, end in boxes:
        # Where one ends too early, libavif finds no more in it either.
        with suppress(EOFError):
            if kind == b"iloc":
                for item, at, size in _locations(Bits(data[start:end]), in_meta):
                    yield item, range(at, min(len(data), at + size)) if item in pictures else range(0)
            elif kind in (b"stco", b"co64"):
                bits = Bits(data[start : start + 16])
                bits.bytes(8)  # version, flags, how many
                at = bits.bytes(4 if kind == b"stco" else 8)
                yield -start, range(at, min(len(data), at + FIRST_SAMPLE))


def _item(infe: bytes) -> int:
    """Return the id of an item where it is of AV1 data, -1 otherwise."""
    wide = 4 if infe[:1] == b"\3" else 2
    return int.from_bytes(infe[4 : 4 + wide]) if infe[6 + wide : 10 + wide] == b"av01" else -1


def _locations(bits: Bits, in_meta: int) -> Iterator[tuple[int, int, int]]:
    """Return each item's id with the offset and length of each piece of its data, once more with nothing before them.

    Raises EOFError.
    """
    version = bits.bytes(1)
    bits.bytes(3)
    offset_size, length_size, base_size, index_size = (bits.read(4) for _ in range(4))
    wide = 4 if version == 2 else 2
    for _ in range(bits.bytes(wide)):
        item = bits.bytes(wide)
        yield item, 0, 0
        method = bits.bytes(2) & 15 if version else 0
        bits.bytes(2)
        base = bits.bytes(base_size) + (in_meta if method == 1 else 0)
        for _ in range(bits.bytes(2)):
            if version:
                bits.bytes(index_size)
            offset = bits.bytes(offset_size)
            yield item, base + offset, bits.bytes(length_size) or WHOLE


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the kind and the beginning of the content of each unit (OBU) of the AV1 `stream`."""
    at = 0
    while at < len(stream):
        kind, extended, sized = stream[at] >> 3 & 15, stream[at] & 4, stream[at] & 2
        at += 2 if extended else 1
        size = len(stream) - at
        if sized:
            # LEB128: seven bits a byte, the lowest first, the highest bit set where another follows.
            length = next((n for n in range(1, 9) if at + n <= len(stream) and stream[at + n - 1] < 128), 0)
            if not length:
                return
            size = sum((stream[at + n] & 127) << 7 * n for n in range(length))
            at += length
        yield kind, stream[at : at + min(size, LONGEST_HEADER)]
        at += size


def _frame_pixels(bits: Bits) -> int:
    """Return the most pixels that a frame of the sequence header `bits` has (AV1 specification, 5.5.1).

    0 where the header ends too early: no decoder takes it then.
    """
    with suppress(EOFError):
        return _read_frame_pixels(bits)
    return 0


def _read_frame_pixels(bits: Bits) -> int:
    bits.read(3 + 1)  # profile, still picture
    if bits.read(1):  # the short form
        bits.read(5)
    else:
        model = delay = 0
        if bits.read(1):  # timing
            bits.read(32 + 32)
            if bits.read(1):
                _skip_uvlc(bits)
            if model := bits.read(1):
                delay = bits.read(5) + 1
                bits.read(32 + 5 + 5)
        delays = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            if bits.read(5) > 7:
                bits.read(1)
            if model and bits.read(1):
                bits.read(2 * delay + 1)
            if delays and bits.read(1):
                bits.read(4)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return (bits.read(width_bits) + 1) * (bits.read(height_bits) + 1)


def _skip_uvlc(bits: Bits) -> None:
    zeros = 0
    while not bits.read(1):
        zeros += 1
    bits.read(zeros if zeros < 32 else 0)

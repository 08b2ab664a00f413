"""Writes TIFF files of any bit depth, layout and directories, which the libraries that read them do not write."""

import struct
import zlib
from typing import Literal

import numpy as np
import numpy.typing as npt

NONE, DEFLATE = 1, 8
SHORT, LONG = 3, 4
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def tiff_file(  # noqa: PLR0913 - a file has that many properties
    samples: npt.NDArray[np.generic],
    photometric: int,
    *,
    bits: int | None = None,
    order: Literal["<", ">"] = "<",
    planar: bool = False,
    compression: int = NONE,
    sample_format: int | None = None,
    tags: dict[int, tuple[int, ...]] | None = None,
    shown: tuple[int, int] | None = None,
    strip: bytes | None = None,
) -> bytes:
    """Return a TIFF of `samples` [height, width, channels], of `bits` bits each: those of their dtype by default.

    `order` is that of the bytes. `tags` are further tags with values of type SHORT, such as the orientation. With
    `shown`, a width and height, the samples are one tile, of which an image of that size shows the top left corner.
    `strip` are the bytes of all samples, if they are packed in another way.
    """
    height, width, channels = samples.shape
    bits = bits or 8 * samples.dtype.itemsize
    planes = [samples[..., n : n + 1] for n in range(channels)] if planar else [samples]
    strips = [packed_rows(plane, bits, order) for plane in planes] if strip is None else [strip]
    if compression == DEFLATE:
        strips = [zlib.compress(strip) for strip in strips]
    starts = np.cumsum([8, *(len(strip) for strip in strips)])
    values: dict[int, tuple[int, tuple[int, ...]]] = {
        256: (LONG, (width,)),
        257: (LONG, (height,)),
        258: (SHORT, (bits,) * channels),
        259: (SHORT, (compression,)),
        262: (SHORT, (photometric,)),
        273: (LONG, tuple(int(start) for start in starts[:-1])),
        277: (SHORT, (channels,)),
        278: (LONG, (height,)),
        279: (LONG, tuple(len(strip) for strip in strips)),
        284: (SHORT, (2 if planar else 1,)),
    }
    if sample_format:
        values[339] = (SHORT, (sample_format,) * channels)
    if shown:
        strip_offsets, strip_lengths = values.pop(273), values.pop(279)
        del values[278]
        values |= {322: values[256], 323: values[257], 324: strip_offsets, 325: strip_lengths}
        values |= {256: (LONG, shown[:1]), 257: (LONG, shown[1:])}
    values |= {tag: (SHORT, value) for tag, value in (tags or {}).items()}
    data = b"".join(strips) + bytes(-int(starts[-1]) % 2)
    directory, long_values = 8 + len(data), b""
    after = directory + 2 + 12 * len(values) + 4
    entries = struct.pack(f"{order}H", len(values))
    for tag, (kind, numbers) in sorted(values.items()):
        packed = struct.pack(f"{order}{len(numbers)}{'H' if kind == SHORT else 'I'}", *numbers)
        if len(packed) > 4:
            offset, long_values = after + len(long_values), long_values + packed
            packed = struct.pack(f"{order}I", offset)
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", directory)
    return head + data + entries + bytes(4) + long_values


def tiff_pictures(
    *pages: dict[int, int], below: dict[int, int] | None = None, order: Literal["<", ">"] = "<", size: int = 8
) -> bytes:
    """Return a TIFF of black `pages`, grey with 8 bits and of `size` x `size` pixels, except where their tags differ.

    The picture `below`, of twice that size, belongs to the first page (tag SubIFDs), as in the files of cameras.
    """
    usual = {256: size, 257: size, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: size, 279: size * size}
    pictures = [usual | page for page in pages]
    if below is not None:
        doubled = {256: 2 * size, 257: 2 * size, 278: 2 * size, 279: 4 * size * size}
        pictures.insert(1, usual | doubled | below)
        pictures[0] = {330: 0} | pictures[0]
    starts = np.cumsum([8 + 4 * size * size, *(6 + 12 * len(tags) for tags in pictures)]).tolist()
    if below is not None:
        pictures[0][330] = pictures[0][330] or starts[1]
    pages_at = [start for number, start in enumerate(starts[:-1]) if below is None or number != 1]
    following = dict(zip(pages_at, [*pages_at[1:], 0], strict=True))
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", starts[0]) + bytes(4 * size * size)
    for start, tags in zip(starts, pictures, strict=False):
        entries = [struct.pack(f"{order}HHII", tag, LONG, 1, value) for tag, value in sorted(tags.items())]
        data += (
            struct.pack(f"{order}H", len(tags)) + b"".join(entries) + struct.pack(f"{order}I", following.get(start, 0))
        )
    return data


def packed_rows(plane: npt.NDArray[np.generic], bits: int, order: Literal["<", ">"]) -> bytes:
    """Return the rows of `plane`; samples of fewer than 8 bits, and of 12, are packed; each row begins with a byte."""
    if bits % 8 == 0 and bits != 24:
        return plane.astype(plane.dtype.newbyteorder(order)).tobytes()
    rows = plane.reshape(len(plane), -1).astype(np.uint32)
    digits = rows[..., np.newaxis] >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(digits.reshape(len(plane), -1).astype(np.uint8), axis=1).tobytes()


def subsampled(ycbcr: npt.NDArray[np.uint8], across: int, down: int) -> bytes:
    """Return `ycbcr` pixels [height, width, 3] with one chrominance for `across` x `down` pixels.

    Height and width are multiples of these. Each block is its luminances, row by row, and its chrominance (TIFF 6.0,
    section 21).
    """
    height, width, _ = ycbcr.shape
    light = ycbcr[..., 0].reshape(height // down, down, width // across, across).transpose(0, 2, 1, 3)
    blocks = light.reshape(height // down, width // across, down * across)
    chrominance = ycbcr[..., 1:].reshape(height // down, down, width // across, across, 2).mean(axis=(1, 3))
    return np.concatenate([blocks, chrominance.round().astype(np.uint8)], axis=2).tobytes()

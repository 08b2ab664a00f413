"""Removes what decoding does not need from an image file, so that damaged or large metadata can't prevent it."""

from collections.abc import Iterable

from core.image import avif, gif, jpeg, png, tiff, webp


def without_metadata(data: bytes) -> bytes:
    """Return the image file `data` without its metadata. Of a TIFF, the photo stays alone.

    Orientation, colour profile and transparency stay. Raises UnsupportedImage for pixels that are not decoded.
    """
    if data.startswith(jpeg.SOI):
        return _joined(data, jpeg.needed_parts(data))
    if data.startswith(png.SIGNATURE):
        return png.repaired(_joined(data, png.needed_parts(data)))
    if data.startswith(b"GIF8"):
        return _joined(data, gif.needed_parts(data))
    if data.startswith(b"RIFF") and data.startswith(b"WEBP", 8):
        return webp.repaired(_joined(data, webp.needed_parts(data)))
    if data.startswith(b"ftypavi", 4):
        return avif.without_metadata(data)
    return tiff.photo_alone(data)


def _joined(data: bytes, parts: Iterable[tuple[int, int]]) -> bytes:
    """Return the `parts` of `data`, told by start and end."""
    kept: list[tuple[int, int]] = []
    for start, end in parts:
        first = kept.pop()[0] if kept and kept[-1][1] == start else start
        kept.append((first, end))
    return b"".join(data[start:end] for start, end in kept)

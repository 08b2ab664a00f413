"""AVIF files with properties that Pillow does not write."""

import struct


def with_property(avif: bytes, content: bytes, *, essential: bool = True) -> bytes:
    """Return an AVIF of Pillow with one more property of its picture; the boxes around it grow."""
    size = len(content) + 4
    grown = bytearray(avif)
    associations = avif.index(b"ipma")
    grown[associations + 14] += 1  # the number of properties of the first item
    end = associations - 4
    old = struct.unpack(">I", avif[end : end + 4])[0]
    container = avif.index(b"ipco")
    count = properties_of(avif[container + 4 : end])
    grown[end : end + 4] = struct.pack(">I", old + 1)
    grown[end + old : end + old] = bytes([0x80 * essential | count + 1])
    grown[end:end] = struct.pack(">I", size) + content
    for name in (b"meta", b"iprp", b"ipco"):
        at = avif.index(name) - 4
        growth = size + (name != b"ipco")
        grown[at : at + 4] = struct.pack(">I", struct.unpack(">I", avif[at : at + 4])[0] + growth)
    location = avif.index(b"iloc") + 4
    assert avif[location : location + 12] == bytes.fromhex("000000004400000100010000")
    start = struct.unpack(">I", avif[location + 14 : location + 18])[0] + size + 1
    grown[location + 14 : location + 18] = struct.pack(">I", start)
    return bytes(grown)


def properties_of(boxes: bytes) -> int:
    """Return the number of boxes."""
    number = position = 0
    while position < len(boxes):
        position += struct.unpack(">I", boxes[position : position + 4])[0]
        number += 1
    return number


def with_colours(avif: bytes, primaries: int, transfer: int) -> bytes:
    """Return an AVIF of Pillow that tells these colours, and HDR colours that belong to no picture."""
    start = avif.index(b"colrnclx") + 8
    other = b"\0\0\0\x1bfree\0\0\0\x13colrnclx\0\x09\0\x10\0\x09\x80"
    return avif[:start] + struct.pack(">HH", primaries, transfer) + avif[start + 4 :] + other


def without_colours(avif: bytes) -> bytes:
    """Return an AVIF of Pillow that tells colours in its AV1 stream alone."""
    return avif.replace(b"colrnclx", b"freenclx")


def clean_aperture(*numbers: int) -> bytes:
    """Return the property `clap`: width, height, and the position of the middle, each a numerator and a denominator."""
    return b"clap" + struct.pack(">8i", *numbers)


def with_header_colours(avif: bytes, primaries: int, transfer: int) -> bytes:
    """Return an AVIF of Pillow, in sRGB, that tells these code points in the header of its AV1 stream alone."""
    start = avif.index(b"\x12\0\x0a") + 4
    bits = "".join(f"{byte:08b}" for byte in avif[start : start + 16])
    srgb, told = (f"1{first:08b}{second:08b}{6:08b}" for first, second in ((1, 13), (primaries, transfer)))
    assert bits.count(srgb) == 1
    header = int(bits.replace(srgb, told), 2).to_bytes(16)
    return (avif[:start] + header + avif[start + 16 :]).replace(b"colrnclx", b"freenclx")


def with_nclx(avif: bytes, container: bytes, primaries: int, transfer: int) -> bytes:
    """Return an AVIF of Pillow with these code points in the first property behind the name `container`."""
    at = avif.index(b"colrnclx", avif.index(container)) + 8
    return avif[:at] + struct.pack(">HH", primaries, transfer) + avif[at + 4 :]

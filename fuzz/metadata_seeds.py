"""Inputs of the fuzzers: colours, aperture and orientation that are told, layouts of TIFF, damaged metadata."""

import itertools
import struct
import zlib

import numpy as np
from PIL import Image

from tests.support.avif import clean_aperture, with_colours, with_property
from tests.support.images import encode, png
from tests.support.metadata import damaged, orientation
from tests.support.tiff import DEFLATE, NONE, YCBCR, subsampled, tiff_file

ADOBE = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)  # white, red, green and blue, times 100,000
DAMAGED_EVERY = 3  # the others differ little


def metadata_seeds(photo: Image.Image) -> dict[str, bytes]:
    """Return files of the small RGB `photo` by name."""
    avif = encode(photo, "AVIF")
    width, height = photo.size
    fax = photo.convert("1")
    parts = itertools.islice(damaged(photo), 0, None, DAMAGED_EVERY)
    return {
        **{f"avif-colours-{code}": with_colours(avif, code, 13) for code in (1, 9, 12, 22)},
        **{f"avif-transfer-{code}": with_colours(avif, 1, code) for code in (4, 8, 12, 16, 18)},
        "avif-aperture": with_property(avif, clean_aperture(width // 2, 1, height // 2, 1, 0, 1, 0, 1)),
        "avif-aperture-zero": with_property(avif, clean_aperture(*[0] * 8)),
        **told_pngs(photo),
        **{f"jpeg-exif-{kind}": encode(photo, "JPEG", exif=b"Exif\0\0" + orientation(kind)) for kind in (1, 4, 9)},
        **tiffs_of_video(photo),
        **{f"tiff-{way}": encode(fax, "TIFF", compression=way) for way in ("group3", "tiff_ccitt")},
        "tiff-fax-strips": encode(fax.resize((24, 200)), "TIFF", compression="group4", strip_size=24),
        "tiff-planes": tiff_file(np.asarray(photo), 2, planar=True, compression=DEFLATE),
        **{name.replace(": ", "-").replace(" ", "-"): data for name, data in parts if len(data) < 16_384},
    }


def told_pngs(photo: Image.Image) -> dict[str, bytes]:
    """Return PNG files of `photo` whose chunks tell its colours, or its orientation before and behind the pixels."""
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in np.asarray(photo)))
    pixels, turned = (b"IDAT", rows), (b"eXIf", orientation())
    gamma, colours = (b"gAMA", struct.pack(">I", 55_000)), (b"cHRM", struct.pack(">8I", *ADOBE))
    chunks = {
        "gamma": [gamma, pixels],
        "chromaticities": [gamma, colours, pixels],
        "video": [(b"cICP", b"\1\1\0\1"), pixels],
        "hdr": [(b"cICP", b"\x09\x10\0\1"), pixels],
        "turned": [turned, pixels],
        "turned-behind": [pixels, turned],
    }
    return {f"png-{name}": png(*photo.size, *parts, colour=2) for name, parts in chunks.items()}


def tiffs_of_video(photo: Image.Image) -> dict[str, bytes]:
    """Return TIFF files of `photo` in YCbCr, whose chrominance is of 1, 2 and 4 pixels."""
    pixels = np.asarray(photo.convert("YCbCr"))
    return {
        f"tiff-ycbcr-{across}-{down}-{way}": tiff_file(
            pixels, YCBCR, strip=subsampled(pixels, across, down), compression=way, tags={530: (across, down)}
        )
        for across, down in ((1, 1), (2, 1), (2, 2), (4, 4))
        for way in (NONE, DEFLATE)
    }

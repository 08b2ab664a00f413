"""The first inputs of the fuzzers: small good photos in every served format and many of its variants."""

import zlib
from typing import Any

from PIL import Image, ImageCms

from fuzz.metadata_seeds import metadata_seeds
from tests.support.images import encode, png
from tests.support.paths import ASTRONAUT
from tests.support.tiff import tiff_pictures


def seeds() -> dict[str, bytes]:
    """Return the files by name, each of a few KB at most."""
    with Image.open(ASTRONAUT) as original:
        photo = original.convert("RGB").resize((24, 16))
    half = photo.convert("RGBA")
    half.putalpha(128)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned right
    exif.get_ifd(0x8769)[0x9286] = "a comment"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    def frames() -> dict[str, Any]:
        # New frames for each file, because Pillow leaves settings of the format in an image that it has saved.
        return {"save_all": True, "append_images": [photo.rotate(90), photo.rotate(180)]}

    return {
        "jpeg": encode(photo, "JPEG"),
        "jpeg-progressive": encode(photo, "JPEG", progressive=True),
        "jpeg-grey": encode(photo.convert("L"), "JPEG"),
        "jpeg-cmyk": encode(photo.convert("CMYK"), "JPEG"),
        "jpeg-exif": encode(photo, "JPEG", exif=exif),
        "jpeg-icc": encode(photo, "JPEG", icc_profile=profile),
        "jpeg-restarts": encode(photo, "JPEG", restart_marker_blocks=1, subsampling=0),
        "jpeg-larger": encode(photo.resize((400, 300)), "JPEG", quality=5),
        "jpeg-two": encode(photo, "MPO", **frames()),
        "ppm": encode(photo, "PPM"),
        "pgm": encode(photo.convert("L"), "PPM"),
        "png": encode(photo, "PNG"),
        "png-interlaced": interlaced(),
        "png-palette": encode(photo.quantize(8), "PNG", transparency=0),
        "png-grey-alpha": encode(photo.convert("LA"), "PNG"),
        "png-alpha": encode(half, "PNG"),
        "png-bits": encode(photo.convert("1"), "PNG"),
        "png-16": encode(photo.convert("I;16"), "PNG"),
        "png-exif": encode(photo, "PNG", exif=exif),
        "png-icc": encode(photo, "PNG", icc_profile=profile),
        "png-animated": encode(photo, "PNG", **frames()),
        "webp": encode(photo, "WEBP"),
        "webp-lossless": encode(photo, "WEBP", lossless=True),
        "webp-alpha": encode(half, "WEBP"),
        "webp-exif": encode(photo, "WEBP", exif=exif, icc_profile=profile),
        "webp-animated": encode(photo, "WEBP", **frames()),
        "gif": encode(photo, "GIF"),
        "gif-bits": encode(photo.convert("1"), "GIF", interlace=0),
        "gif-animated": encode(photo.quantize(8), "GIF", transparency=0, **frames()),
        "bmp": encode(photo.resize((6, 4)), "BMP"),
        "bmp-palette": encode(photo.quantize(8), "BMP"),
        "bmp-bits": encode(photo.convert("1"), "BMP"),
        "bmp-alpha": encode(half.resize((6, 4)), "BMP"),
        "tiff": encode(photo.resize((6, 4)), "TIFF"),
        "tiff-16": encode(photo.convert("I;16"), "TIFF"),
        "tiff-grey-alpha": encode(photo.convert("LA"), "TIFF"),
        "tiff-pages": encode(photo.resize((6, 4)), "TIFF", **frames()),
        "tiff-exif": encode(photo, "TIFF", exif=exif, compression="tiff_lzw"),
        "tiff-fax": encode(photo.convert("1"), "TIFF", compression="group4"),
        "tiff-jpeg": encode(photo, "TIFF", compression="jpeg"),
        "tiff-tiles": encode(photo, "TIFF", compression="tiff_adobe_deflate", tile=(16, 16)),
        "tiff-big": encode(photo.convert("L"), "TIFF", big_tiff=True, compression="packbits"),
        "tiff-cmyk": encode(photo.convert("CMYK"), "TIFF", compression="tiff_adobe_deflate"),
        "tiff-ycbcr": encode(photo.convert("YCbCr"), "TIFF"),
        "tiff-thumbnail": tiff_pictures({254: 1}, {}),
        "tiff-below": tiff_pictures({254: 1}, below={}, order=">"),
        "tiff-raw": tiff_pictures({254: 1, 50706: 1025}, below={262: 32803, 259: 34713}),
        "tiff-extra": tiff_pictures({277: 3, 279: 192}, below={254: 1}),
        "avif": encode(photo, "AVIF"),
        "avif-alpha": encode(half, "AVIF", exif=exif),
        "avif-animated": encode(photo, "AVIF", **frames()),
        **metadata_seeds(photo),
        **{f"dot-{name}": encode(photo.resize((1, 1)), name) for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")},
    }


def interlaced() -> bytes:
    """Return a PNG of 3 x 2 grey pixels with Adam7 interlacing, which Pillow can read and not write."""
    rows = [b"\0\x10", b"\0\x20", b"\0\x30", b"\0\x40\x50\x60"]  # passes 1, 4, 6 and 7
    return png(3, 2, (b"IDAT", zlib.compress(b"".join(rows))), interlace=1)

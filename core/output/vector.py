"""The polygons of a label map as a picture in SVG."""

from xml.sax.saxutils import escape

from core.checkpoint import checkpoint
from core.output.objects import Found, found_in
from core.output.render import COLOURS
from core.output.segmentation import Segmentation, width_height
from core.types import Array

TOLERANCE = 1.0  # pixels by which simplifying moves an outline


def svg(segmentation: Segmentation) -> bytes:
    """Return an SVG document with a group for each class or piece, largest first, in its colour and with its name.

    Its size is that of the label map. Raises InvalidRequest, as core.output.objects.found_in().
    """
    width, height = width_height(segmentation.seg_map)
    groups = [
        _group(found, segmentation.labels[found.class_id]) for found in found_in(segmentation, tolerance=TOLERANCE)
    ]
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *groups, "</svg>\n"]).encode()


def _group(found: Found, label: str) -> str:
    checkpoint()
    colour = "#" + COLOURS[found.class_id].tobytes().hex()
    outlines = "".join(_path(ring) for rings in found.polygons or [] for ring in rings)
    return (
        f'<g fill="{colour}" fill-rule="evenodd" data-class="{found.class_id}"><title>{escape(label)}</title>'
        f'<path d="{outlines}"/></g>'
    )


def _path(ring: Array) -> str:
    """Return the path of `ring`, float64 [points, 2], whose last point is its first one."""
    return "M" + "L".join(f"{x:.10g} {y:.10g}" for x, y in ring[:-1].tolist()) + "Z"

"""What the service keeps of thousands of requests, and the most that it takes for the largest images there may be."""

import asyncio
import io
import itertools
import random
from collections.abc import Iterator

from PIL import Image

from tests.support.http_client import Client, form, post
from tests.support.service import Running
from benchmarks.soak.checks import REFUSED, REST, Line, at_rest
from tests.conftest import ASTRONAUT


def mixture(count: int) -> Iterator[bytes]:
    """Return `count` requests of mixed sizes, formats, outputs and errors, always the same ones."""
    chance = random.Random(6)  # noqa: S311 - not a secret
    with Image.open(ASTRONAUT) as photo:
        files = []
        for format_, number in itertools.product(("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"), range(8)):
            side = chance.choice([40, 200, 500, 800, 1600, 2500]) if number else 4000
            size = max(1, side), max(1, int(side * chance.uniform(0.2, 1)))
            file = io.BytesIO()
            photo.resize(size if chance.random() < 0.5 else size[::-1]).save(file, format_)
            files.append(file.getvalue())
    for _ in range(count):
        data = chance.choice(files)
        match chance.randrange(10):
            case 0:
                data = data[: len(data) // 2]
            case 1:
                data = chance.randbytes(1000)
        output = chance.choice(["map", "map", "map", "objects", "mask", "overlay", "cutout", "nonsense"])
        how = chance.choice(["model", "model", "model", "original"])
        yield post(form(data), f"/model/predict?output={output}&size={how}")


async def memory(service: Running, count: int, rest: float = REST) -> list[Line]:
    """Send `count` requests of all kinds, and see what stays in memory after `rest` seconds of nothing."""
    client = Client(service.port)
    requests = mixture(count)
    rests = []
    for part in (count // 10, count):

        async def ask_all(some: Iterator[bytes]) -> None:
            for request in some:
                await client.ask(request)

        some = itertools.islice(requests, part)
        await asyncio.gather(*(ask_all(some) for _ in range(4)))
        rests.append(await at_rest(service, rest))
    first, last = rests
    statuses = client.answers.statuses
    return [
        Line(f"{count} mixed requests: no 5xx, none lost", str(dict(statuses)), set(statuses) <= {200, 400, 413}),
        Line(
            "memory after the first tenth of them grows by less than 3 %",
            f"{first:.0f} to {last:.0f} MB",
            last < 1.03 * first,
            judged_short=False,
        ),
    ]


def largest() -> list[bytes]:
    """Return requests for the largest images that are allowed, in the worst forms for memory.

    One has the largest pixels to decode, the other the largest answer.
    """
    side = 7071  # 50 megapixels
    smooth = Image.radial_gradient("L").resize((side, side))
    noise = Image.effect_noise((side, side), 100).convert("RGB")
    requests = []
    for image, format_, output in (
        (Image.merge("RGBA", (smooth,) * 4), "PNG", "cutout"),
        (noise, "JPEG", "overlay"),
    ):
        file = io.BytesIO()
        image.save(file, format_, quality=20)
        requests.append(post(form(file.getvalue()), f"/model/predict?output={output}&size=original"))
    return requests


async def largest_at_once(service: Running, bound: float) -> list[Line]:
    """Send as many of the largest images at once as are worked on, and see the most memory that takes."""
    client = Client(service.port)
    requests = largest()
    await asyncio.gather(*(client.ask(requests[number % len(requests)], 300) for number in range(16)))
    peak, rest = service.megabytes("VmHWM"), service.megabytes()
    statuses = client.answers.statuses
    return [
        Line("16 images of 50 megapixels at once: 200 or 503", str(dict(statuses)), set(statuses) <= REFUSED),
        Line(f"and never more than {bound:.0f} MB", f"{peak:.0f} MB, {rest:.0f} MB at rest", peak < bound),
    ]

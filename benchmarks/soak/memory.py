"""Memory of the service after thousands of requests, and its peak for the largest allowed images."""

import asyncio
import itertools
import random
from collections.abc import Iterator

from PIL import Image

from benchmarks.soak.checks import OVERLOAD_STATUSES, REST, Check, memory_at_rest, predict_request
from tests.support.images import encode
from tests.support.load_generator import Client
from tests.support.paths import ASTRONAUT
from tests.support.service import ServiceProcess

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def mixed_requests() -> Iterator[bytes]:
    """Yield requests of mixed sizes, formats, outputs and errors, the same ones in every run."""
    chance = random.Random(6)  # noqa: S311 - not a secret
    with Image.open(ASTRONAUT) as photo:
        files = []
        for format_, number in itertools.product(FORMATS, range(8)):
            side = chance.choice([40, 200, 500, 800, 1600, 2500]) if number else 4000
            size = max(1, side), max(1, int(side * chance.uniform(0.2, 1)))
            files.append(encode(photo.resize(size if chance.random() < 0.5 else size[::-1]), format_))
    while True:
        data = chance.choice(files)
        match chance.randrange(10):
            case 0:
                data = data[: len(data) // 2]
            case 1:
                data = chance.randbytes(1000)
        output = chance.choice(["map", "map", "map", "objects", "mask", "overlay", "cutout", "nonsense"])
        size_option = chance.choice(["model", "model", "model", "original"])
        yield predict_request(data, f"?output={output}&size={size_option}")


async def check_memory_growth(service: ServiceProcess, count: int, rest: float = REST) -> list[Check]:
    """Send `count` mixed requests; measure the memory after the first tenth and at the end, `rest` seconds later."""
    client = Client(service.port)
    requests = mixed_requests()
    rests = []
    for part in (count // 10, count - count // 10):
        await client.closed_loop(itertools.islice(requests, part), clients=4)
        rests.append(await memory_at_rest(service, rest))
    first, last = rests
    statuses = client.answers.statuses
    return [
        Check(f"{count} mixed requests: no 5xx, none lost", str(dict(statuses)), set(statuses) <= {200, 400, 413}),
        Check(
            "memory grows by less than 3 % after the first tenth of them",
            f"{first:.0f} to {last:.0f} MB",
            last < 1.03 * first,
            judged_short=False,
        ),
    ]


def largest_images() -> list[bytes]:
    """Return requests for the largest allowed images: one with most pixels to decode, one with the largest answer."""
    side = 7071  # 50 megapixels
    smooth = Image.radial_gradient("L").resize((side, side))
    noise = Image.effect_noise((side, side), 100).convert("RGB")
    return [
        predict_request(encode(image, format_, quality=20), f"?output={output}&size=original")
        for image, format_, output in (
            (Image.merge("RGBA", (smooth,) * 4), "PNG", "cutout"),
            (noise, "JPEG", "overlay"),
        )
    ]


async def check_largest_images(service: ServiceProcess, bound: float) -> list[Check]:
    """Send 16 of the largest images at once, as many as the queue takes, and measure the peak of the memory."""
    client = Client(service.port)
    requests = largest_images()
    answers = asyncio.gather(*(client.ask(requests[number % len(requests)]) for number in range(16)))
    peak = 0.0
    while not answers.done():
        # Pages that the service shares with a decoder process must not count twice.
        peak = max(peak, await asyncio.to_thread(service.proportional_megabytes))
        await asyncio.sleep(0.05)
    await answers
    rest = await asyncio.to_thread(service.proportional_megabytes)
    statuses = client.answers.statuses
    return [
        Check(
            "16 images of 50 megapixels at once: 200 or 503", str(dict(statuses)), set(statuses) <= OVERLOAD_STATUSES
        ),
        Check(f"memory stays below {bound:.0f} MB with them", f"{peak:.0f} MB, {rest:.0f} MB at rest", peak < bound),
    ]

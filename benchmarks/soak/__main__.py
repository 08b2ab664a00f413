"""Tries to break the service, and prints what it promises beside what was measured.

    python benchmarks/soak.py [--short]

About ten minutes, some more on a slow machine: four times the load it can carry for two of them, 3,000 requests of
every kind, the largest images there may be, workers that are killed, sessions that hang, clients that do not behave.
`--short` does less of each, in two or three minutes. Exits with 1 if a promise was not kept; a short run is too short,
and CI too busy, to judge speeds by.
"""

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.service import running
from benchmarks.soak.checks import Line
from benchmarks.soak.faults import bad_clients, bad_graphs, broken_session, killed_worker, stopped_under_load
from benchmarks.soak.overload import load
from benchmarks.soak.memory import largest_at_once, memory


async def soak(short: bool) -> list[Line]:
    """Return all promises."""
    lines: list[Line] = []

    def tell(new: list[Line]) -> None:
        for line in new:
            print(f"| {line.promise} | {line.measured} | {'yes' if line.kept else '**no**'} |", flush=True)
        lines.extend(new)

    print("| promise | measured | kept |\n| --- | --- | --- |", flush=True)
    with running() as service:
        # A short run does not judge memory: it waits for none.
        tell(await (load(service, 12, rest=0) if short else load(service, 120)))
        tell(await (memory(service, 100, rest=0) if short else memory(service, 3000)))
        tell(await killed_worker(service))
    if not short:
        with running() as service:
            tell(await largest_at_once(service, 3000))
    tell(await stopped_under_load())
    for fault in ("hang", "fail"):
        tell(await broken_session(fault, 3))
    tell(await bad_clients(3))
    tell(bad_graphs())
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="as CI does it")
    short = parser.parse_args().short
    lines = asyncio.run(soak(short))
    if broken := [line.promise for line in lines if not (line.kept or (short and not line.judged_short))]:
        sys.exit(f"{len(broken)} of {len(lines)} promises were not kept: {'; '.join(broken)}")


if __name__ == "__main__":
    main()

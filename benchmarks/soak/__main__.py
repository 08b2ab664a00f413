"""Stress test: prints each promise of the service with the measurement, as a table in Markdown.

Two minutes of four times the load that the service can carry, 3,000 requests of all kinds, the largest allowed images,
killed workers, hanging sessions and thousands of slow clients. It takes fifteen minutes or more, depending on the
machine. With --short it does less of each and takes three to four minutes. It exits with 1 if a promise was broken;
--short does not judge speed and memory, because its phases are too short and the machine may be busy.
"""

import asyncio
import sys

from benchmarks.options import argument_parser
from benchmarks.soak.bad_clients import check_bad_clients
from benchmarks.soak.checks import Check
from benchmarks.soak.doors import check_connections, check_killed_decoders, check_unread_log, check_unwanted_bodies
from benchmarks.soak.ends import check_ends
from benchmarks.soak.faults import (
    check_bad_graphs,
    check_broken_session,
    check_killed_worker,
    check_start,
    check_stop_of_pending_requests,
    check_stop_under_load,
)
from benchmarks.soak.memory import check_largest_images, check_memory_growth
from benchmarks.soak.overload import check_overload
from benchmarks.soak.slow_clients import HALF_BODY, check_kind, check_slow_clients
from tests.support.service import running_service


async def soak(*, short: bool) -> list[Check]:
    """Run and print all checks, and return them."""
    checks: list[Check] = []

    def add(new: list[Check]) -> None:
        for check in new:
            print(check.row, flush=True)
        checks.extend(new)

    print("| promise | measured | kept |\n| --- | --- | --- |", flush=True)
    add(check_start())
    with running_service() as service:
        # A short run does not judge memory, and need not wait until the service is at rest.
        add(await (check_overload(service, 12, rest=0) if short else check_overload(service, 120)))
        add(await (check_memory_growth(service, 100, rest=0) if short else check_memory_growth(service, 3000)))
        add(await check_killed_decoders(service, 3 if short else 30))
        add(await check_killed_worker(service))
    if not short:
        with running_service() as service:
            add(await check_largest_images(service, 3000))
    add(await check_stop_under_load())
    add(await check_stop_of_pending_requests())
    for fault in ("hang", "fail"):
        add(await check_broken_session(fault, timeout=3))
    add(await check_bad_clients(timeout=3))
    add(await check_unwanted_bodies())
    add(check_unread_log())
    if not short:
        add(await check_connections())
        add(await check_ends())
    add(await (check_kind(HALF_BODY, 6, timeout=3) if short else check_slow_clients()))
    add(check_bad_graphs())
    return checks


def main() -> None:
    parser = argument_parser("benchmarks.soak", __doc__)
    parser.add_argument("--short", action="store_true", help="three to four minutes, as in CI")
    short = parser.parse_args().short
    checks = asyncio.run(soak(short=short))
    if broken := [check.promise for check in checks if not (check.kept or (short and not check.judged_short))]:
        sys.exit(f"{len(broken)} of {len(checks)} promises were broken: {'; '.join(broken)}")


if __name__ == "__main__":
    main()

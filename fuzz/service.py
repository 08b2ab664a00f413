"""Fuzzes the HTTP API: schemathesis sends a running service requests that /openapi.json allows, and others.

    python -m fuzz.service 60     for about 60 seconds; further arguments are those of schemathesis

Exits with 1 if an answer is not documented in /openapi.json or breaks a rule of hooks.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import requests

from tests.support.paths import ROOT
from tests.support.service import TIMEOUT, ServiceProcess, running_service

HERE = Path(__file__).parent
FOUND = HERE / "found"
REQUEST_TIMEOUT = 10
# The checks that compare an answer with its description, in which 503 is the only status above 499. The description
# can't say whether an image is good, so the checks of accepted and rejected bodies don't apply.
CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "every_answer",
)


def main() -> int:
    """Fuzz for the seconds given; return an exit status."""
    seconds, *more = sys.argv[1:]
    FOUND.mkdir(exist_ok=True)
    log = FOUND / "service.log"
    # A small IMAGE_SIZE leaves most of the time for requests instead of inference.
    settings = {"IMAGE_SIZE": "64", "MAX_IMAGE_MEGAPIXELS": "1", "REQUEST_TIMEOUT": str(REQUEST_TIMEOUT)}
    with running_service(log=log, **settings) as service:
        status = run_schemathesis(service, seconds, *more)
        print(request_counts(service))
        ended = service.stop()
    if ended or "Traceback" in log.read_text():
        print(f"the service ended with status {ended}, or logged a traceback: see {log}")
        return 1
    return status


def run_schemathesis(service: ServiceProcess, seconds: str, *more: str) -> int:
    """Run schemathesis with the arguments `more`; return its exit status."""
    options = {
        "--checks": ",".join(CHECKS),
        "--phases": "examples,coverage,fuzzing",
        "--max-time": seconds,
        "--max-response-time": str(REQUEST_TIMEOUT),
        "--request-timeout": str(2 * REQUEST_TIMEOUT),
        "--generation-database": "none",
        "--warnings": "off",
    }
    command = [
        os.fspath(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        os.fspath(HERE / "schemathesis.toml"),
        "run",
        f"{service.url}/openapi.json",
        *(word for option in options.items() for word in option),
        "--continue-on-failure",
        *more,
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "fuzz.hooks", "PYTHONPATH": os.fspath(ROOT)}
    return subprocess.run(command, env=environment, check=False).returncode


def request_counts(service: ServiceProcess) -> str:
    """Return the number of requests by method, path and status, as the service counted them."""
    page = requests.get(f"{service.url}/metrics", timeout=TIMEOUT).text
    counts = re.findall(r'segmenter_requests_total{method="(\w+)",path="([^"]+)",status="(\d+)"} ([\d.]+)', page)
    lines = [f"{int(float(count)):8,} {method} {path} {status}" for method, path, status, count in counts]
    return "\n".join([f"{sum(int(float(count)) for *_, count in counts):8,} requests", *sorted(lines)])


if __name__ == "__main__":
    sys.exit(main())

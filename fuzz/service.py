"""Fuzzes the HTTP surface: schemathesis asks a real service what /swagger.json allows, and much that it does not.

    python -m fuzz.service 60     for about so many seconds; further arguments are schemathesis's

Fails where an answer is not one that /swagger.json documents, or breaks a rule of hooks.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import requests

from tests.conftest import Service, start_service

HERE = Path(__file__).parent
FOUND = HERE / "found"
REQUEST_TIMEOUT = 10
# Those that compare an answer with its description, in which 503 is the only status over 499. Whether an image is good
# is not in it, so that nothing follows from it about which bodies are to be accepted or refused.
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
    # Small maps, so that most of the time goes to requests and little to the network.
    service = start_service(log, IMAGE_SIZE="64", MAX_IMAGE_MEGAPIXELS="1", REQUEST_TIMEOUT=str(REQUEST_TIMEOUT))
    try:
        status = ask(service, seconds, *more)
        print(answered(service))
    finally:
        ended = service.stop()
    if ended or "Traceback" in log.read_text():
        print(f"the service ended with {ended}, or logged a traceback: see {log}")
        return 1
    return status


def ask(service: Service, seconds: str, *more: str) -> int:
    """Run schemathesis; return its exit status."""
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
        f"{service.url}/swagger.json",
        *(word for option in options.items() for word in option),
        "--continue-on-failure",
        *more,
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "fuzz.hooks", "PYTHONPATH": os.fspath(HERE.parent)}
    return subprocess.run(command, env=environment, check=False).returncode


def answered(service: Service) -> str:
    """Return how many requests were answered how, by the service's own count."""
    page = requests.get(f"{service.url}/metrics", timeout=30).text
    counts = re.findall(r'segmenter_requests_total{method="(\w+)",path="([^"]+)",status="(\d+)"} ([\d.]+)', page)
    lines = [f"{int(float(count)):8,} {method} {path} {status}" for method, path, status, count in counts]
    return "\n".join([f"{sum(int(float(count)) for *_, count in counts):8,} requests", *sorted(lines)])


if __name__ == "__main__":
    sys.exit(main())

"""What a forked process prints: its lines are log records, and it does not wait for a reader."""

import json
import signal
import subprocess
import sys

from core.log.prints import MAX_LINE
from tests.support.processes import process_group

PARENT = """
import logging, os, signal, time
from core import log as logs
from core.log import prints
logs.configure("json")
prints.log_prints()
parent = os.getpid()
if child := os.fork():
    logging.error("ended: %s", os.waitpid(child, 0)[1])
    time.sleep(600)
"""


def forked(code: str) -> list[str]:
    """Return the messages in the log of a process that forks another one, which runs `code` and prints "last"."""
    found: list[str] = []
    with process_group([sys.executable, "-c", PARENT + code], stderr=subprocess.PIPE) as process:
        assert process.stderr
        # The end of the process can be logged before its last words.
        while not all(any(word in message for message in found) for word in ("ended", "last")):
            found.append(json.loads(process.stderr.readline())["message"])
        process.kill()
    return found


def test_prints_of_forked_process_are_log_lines_also_if_it_crashes() -> None:
    code = r"os.write(1, b'first \x1b\n'); os.write(2, bytes(5000) + b'\n'); os.write(2, b'last\n'); os.abort()"
    messages = forked(code)
    messages.remove(f"ended: {int(signal.SIGABRT)}")
    assert messages == [
        r"the worker printed: first \x1b",
        "the worker printed: " + MAX_LINE * r"\x00",
        "the worker printed: " + (5000 - MAX_LINE) * r"\x00",
        "the worker printed: last",
    ]


def test_prints_of_forked_process_do_not_wait_for_a_reader() -> None:
    code = """
os.kill(parent, signal.SIGSTOP)
try:
    while True:
        os.write(2, bytes(99) + b"\\n")
except BlockingIOError:
    os.kill(parent, signal.SIGCONT)
while True:
    try:
        os.write(2, b"last\\n")
        os._exit(0)
    except BlockingIOError:
        pass
"""
    assert "ended: 0" in forked(code)

"""A helper process that a file has taken over, for tests: `python -m tests.support.hostile_helper MODE`.

The arguments behind MODE, a key of MODES, are those of core.image.helper. The process has given up what a helper gives
up, and then does with each job what its mode is.
"""

import ctypes
import json
import mmap
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from core.image.helper import FILES, answer_to
from core.image.messages import MAX_MESSAGE, Failure, Job, encoded
from core.image.sandbox import restrict

# The photo that the tests send, and its size for a model of 65 pixels.
PHOTO, IMAGE = [451, 300], [65, 43]


class HostileHelper:
    """What modes use: the socket `control`, the job and its file, and what was sent for the jobs before."""

    def __init__(self, control: socket.socket, pixels: mmap.mmap, limits: tuple[int, int]) -> None:
        self.control = control
        self.pixels = pixels
        self.limits = limits
        self.job = Job("", 0, keep_photo=False)
        self.upload = -1
        self.jobs: list[str] = []

    def answer(self) -> None:
        """Send what an honest helper sends."""
        answer = answer_to(self.job, self.upload, self.control, self.pixels, self.limits)
        self.control.send(encoded(answer))

    def send(self, *messages: bytes | dict[str, Any], **members: Any) -> None:
        """Send `messages`, objects of this job or bytes, and then the object `members`."""
        for message in (*messages, *([members] if members else [])):
            if isinstance(message, bytes):
                self.control.send(message)
            else:
                self.control.send(json.dumps({"job": self.job.job} | message).encode())

    def receive(self) -> None:
        """Wait for the next job; end with the socket."""
        while True:
            message, files, _, _ = socket.recv_fds(self.control, MAX_MESSAGE, 1)
            if not message:
                sys.exit()
            if message.startswith(b"{"):
                self.job, self.upload = Job(**json.loads(message)), files[0]
                self.jobs.append(self.job.job)
                return


def wait() -> NoReturn:
    """Do nothing for ever."""
    while True:
        time.sleep(60)


def burn() -> NoReturn:
    """Take CPU time for ever."""
    while True:
        pass


def closes_its_socket(helper: HostileHelper) -> None:
    os.close(helper.control.detach())
    wait()


def is_silent(helper: HostileHelper) -> None:
    wait()


def keeps_its_files(helper: HostileHelper) -> None:
    helper.answer()


def ignores_the_file(helper: HostileHelper) -> None:
    os.close(helper.upload)
    helper.send({"size": PHOTO}, {"image": IMAGE, "photo": PHOTO})


def answers_twice(helper: HostileHelper) -> None:
    helper.answer()
    helper.send(image=IMAGE, photo=PHOTO)
    os.close(helper.upload)


def repeats_the_job_before(helper: HostileHelper) -> None:
    if len(helper.jobs) == 1:
        helper.answer()
        os.close(helper.upload)
    else:
        helper.send({"job": helper.jobs[0], "size": PHOTO}, {"job": helper.jobs[0], "image": IMAGE, "photo": PHOTO})


def floods(helper: HostileHelper) -> None:
    while True:
        helper.send(size=PHOTO)


def floods_when_idle(helper: HostileHelper) -> None:
    helper.answer()
    floods(helper)


def sends_empty_messages(helper: HostileHelper) -> None:
    while True:
        helper.control.send(b"")


def sends_files(helper: HostileHelper) -> None:
    notice = json.dumps({"job": helper.job.job, "size": PHOTO}).encode()
    socket.send_fds(helper.control, [notice], [helper.control.fileno(), helper.upload])
    wait()


def sends_control_characters(helper: HostileHelper) -> None:
    text = "\x1b[2Jgood\r\nlevel=error forged\0 \u202e \ud800 \u2028 \x9b31m \N{CAT FACE}" + "x" * 2000
    os.write(1, text.encode(errors="surrogatepass"))
    helper.send(error="InvalidImage", message=text)


def prints_a_megabyte(helper: HostileHelper) -> None:
    for _ in range(1000):
        try:
            os.write(1, b"\x1b[31mforged\n" * 100)
        except BlockingIOError:  # the pipe is full
            break
    helper.answer()
    os.close(helper.upload)


def sends_longest_message(helper: HostileHelper) -> None:
    helper.send(failure(helper).ljust(MAX_MESSAGE))
    wait()


def sends_longer_message(helper: HostileHelper) -> None:
    helper.send(failure(helper).ljust(MAX_MESSAGE + 1))
    wait()


def failure(helper: HostileHelper) -> bytes:
    """Return a message that is right."""
    return encoded(Failure(helper.job.job, "InvalidImage", "the longest"))


def exits(status: int) -> Callable[[HostileHelper], None]:
    return lambda helper: os._exit(status)


def ends_with(number: int) -> Callable[[HostileHelper], None]:
    def end(helper: HostileHelper) -> None:
        # os.kill() is not allowed any more; raise() calls tgkill(), as abort() does.
        ctypes.CDLL(None)["raise"](number)
        wait()

    return end


def sends(*messages: bytes | dict[str, Any]) -> Callable[[HostileHelper], None]:
    def send(helper: HostileHelper) -> None:
        helper.send(*messages)
        wait()

    return send


def burns_cpu(helper: HostileHelper) -> None:
    burn()


def burns_cpu_after_notice(helper: HostileHelper) -> None:
    helper.send(size=PHOTO)
    burn()


def burns_cpu_in_threads(helper: HostileHelper) -> None:
    for _ in range(3):
        threading.Thread(target=burn).start()
    # The system call exit: the main thread ends, the others go on.
    ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)


def starts_threads(helper: HostileHelper) -> None:
    threading.stack_size(1 << 15)
    for _ in range(200):
        threading.Thread(target=wait, daemon=True).start()
    wait()


def starts_threads_when_idle(helper: HostileHelper) -> None:
    helper.answer()
    starts_threads(helper)


def burns_cpu_when_idle(helper: HostileHelper) -> None:
    helper.answer()
    burn()


def dies_when_idle(helper: HostileHelper) -> None:
    helper.answer()
    os._exit(3)


def closes_its_socket_when_idle(helper: HostileHelper) -> None:
    helper.answer()
    closes_its_socket(helper)


def never_receives_again(helper: HostileHelper) -> None:
    helper.answer()
    wait()


MODES: dict[str, Callable[[HostileHelper], None]] = {
    "closes its socket": closes_its_socket,
    "is silent": is_silent,
    "stops itself": ends_with(signal.SIGSTOP),
    "keeps its files": keeps_its_files,
    "ignores the file": ignores_the_file,
    "answers twice": answers_twice,
    "repeats the job before": repeats_the_job_before,
    "floods": floods,
    "floods when idle": floods_when_idle,
    "sends empty messages": sends_empty_messages,
    "sends files": sends_files,
    "sends control characters": sends_control_characters,
    "prints a megabyte": prints_a_megabyte,
    "sends the longest message": sends_longest_message,
    "sends a longer message": sends_longer_message,
    "exits with 0": exits(0),
    "exits with 1": exits(1),
    "ends with SIGSEGV": ends_with(signal.SIGSEGV),
    "ends with SIGKILL": ends_with(signal.SIGKILL),
    "ends with SIGXCPU": ends_with(signal.SIGXCPU),
    "ends with signal 40": ends_with(40),
    "sends no JSON": sends(b"\xff\xfe"),
    "sends deep JSON": sends(b"[" * MAX_MESSAGE),
    "sends no object": sends(b"null"),
    "sends nothing known": sends({"status": "ok"}),
    "sends an unknown error": sends({"error": "SystemExit", "message": "bye"}),
    "sends the error of a client": sends({"error": "ClientGone", "message": ""}),
    "sends a notice for another job": sends({"job": "0" * 16, "size": PHOTO}),
    "sends a notice of too many pixels": sends({"size": [1001, 1000]}),
    "sends two notices": sends({"size": PHOTO}, {"size": PHOTO}),
    "sends no notice": sends({"image": IMAGE, "photo": PHOTO}),
    "sends a larger photo": sends({"size": PHOTO}, {"image": IMAGE, "photo": [902, 600]}),
    "sends a larger image": sends({"size": PHOTO}, {"image": [451, 300], "photo": PHOTO}),
    "sends an unturned image": sends({"size": PHOTO}, {"image": IMAGE, "photo": PHOTO[::-1]}),
    "burns CPU": burns_cpu,
    "burns CPU after a notice": burns_cpu_after_notice,
    "burns CPU in threads": burns_cpu_in_threads,
    "burns CPU when idle": burns_cpu_when_idle,
    "starts threads": starts_threads,
    "starts threads when idle": starts_threads_when_idle,
    "dies when idle": dies_when_idle,
    "closes its socket when idle": closes_its_socket_when_idle,
    "never receives again": never_receives_again,
    # These do it before the first job.
    "answers before it is asked": is_silent,
    "closes its socket at once": is_silent,
}


def main() -> None:
    """Serve jobs in the mode of the first argument."""
    mode, *arguments = sys.argv[1:]
    descriptor, memory, long_side, max_pixels = map(int, arguments)
    control = socket.socket(fileno=descriptor)
    pixels = mmap.mmap(memory, os.fstat(memory).st_size)
    os.close(memory)
    helper = HostileHelper(control, pixels, (long_side, max_pixels))
    control.send(restrict(10**9, FILES).encode() or b"ok")
    if mode == "answers before it is asked":
        helper.send({"job": "0" * 16, "size": PHOTO}, {"job": "0" * 16, "image": IMAGE, "photo": PHOTO})
    elif mode == "closes its socket at once":
        closes_its_socket(helper)
    while True:
        helper.receive()
        MODES[mode](helper)


if __name__ == "__main__":
    main()

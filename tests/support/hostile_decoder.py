"""A decoder process that a file has taken over, for tests: `python -m tests.support.hostile_decoder MODE`.

The arguments behind MODE, a key of MODES, are those of core.decoders.decoder_program. The process has
dropped the privileges that an honest one drops, and then does with each job what its mode is.
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

from core.decoders.decoder_program import FILES, answer_to
from core.decoders.messages import MAX_MESSAGE, Failure, Job, Limits, encoded
from core.decoders.sandbox import restrict

# The photo that the tests send, and its size for a model of 65 pixels.
PHOTO, IMAGE = [451, 300], [65, 43]


class HostileDecoder:
    """What modes use: the socket `control`, the job and its file, and what was sent for the jobs before."""

    def __init__(self, control: socket.socket, pixels: mmap.mmap, limits: Limits) -> None:
        self.control = control
        self.pixels = pixels
        self.limits = limits
        self.job = Job("", 0, keep_photo=False)
        self.upload = -1
        self.jobs: list[str] = []

    def answer(self) -> None:
        """Send what an honest decoder process sends."""
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


def closes_its_socket(decoder: HostileDecoder) -> None:
    os.close(decoder.control.detach())
    wait()


def is_silent(decoder: HostileDecoder) -> None:
    wait()


def keeps_its_files(decoder: HostileDecoder) -> None:
    decoder.answer()


def ignores_the_file(decoder: HostileDecoder) -> None:
    os.close(decoder.upload)
    decoder.send({"size": PHOTO}, {"image": IMAGE, "photo": PHOTO})


def answers_twice(decoder: HostileDecoder) -> None:
    decoder.answer()
    decoder.send(image=IMAGE, photo=PHOTO)
    os.close(decoder.upload)


def repeats_the_job_before(decoder: HostileDecoder) -> None:
    if len(decoder.jobs) == 1:
        decoder.answer()
        os.close(decoder.upload)
    else:
        decoder.send({"job": decoder.jobs[0], "size": PHOTO}, {"job": decoder.jobs[0], "image": IMAGE, "photo": PHOTO})


def floods(decoder: HostileDecoder) -> None:
    while True:
        decoder.send(size=PHOTO)


def floods_when_idle(decoder: HostileDecoder) -> None:
    decoder.answer()
    floods(decoder)


def sends_empty_messages(decoder: HostileDecoder) -> None:
    while True:
        decoder.control.send(b"")


def sends_files(decoder: HostileDecoder) -> None:
    notice = json.dumps({"job": decoder.job.job, "size": PHOTO}).encode()
    socket.send_fds(decoder.control, [notice], [decoder.control.fileno(), decoder.upload])
    wait()


def sends_control_characters(decoder: HostileDecoder) -> None:
    text = "\x1b[2Jgood\r\nlevel=error forged\0 \u202e \ud800 \u2028 \x9b31m \N{CAT FACE}" + "x" * 2000
    os.write(1, text.encode(errors="surrogatepass"))
    decoder.send(error="InvalidImage", message=text)


def prints_a_megabyte(decoder: HostileDecoder) -> None:
    for _ in range(1000):
        try:
            os.write(1, b"\x1b[31mforged\n" * 100)
        except BlockingIOError:  # the pipe is full
            break
    decoder.answer()
    os.close(decoder.upload)


def sends_longest_message(decoder: HostileDecoder) -> None:
    decoder.send(failure(decoder).ljust(MAX_MESSAGE))
    wait()


def sends_longer_message(decoder: HostileDecoder) -> None:
    decoder.send(failure(decoder).ljust(MAX_MESSAGE + 1))
    wait()


def failure(decoder: HostileDecoder) -> bytes:
    """Return a message that is right."""
    return encoded(Failure(decoder.job.job, "InvalidImage", "the longest"))


def exits(status: int) -> Callable[[HostileDecoder], None]:
    return lambda decoder: os._exit(status)


def ends_with(number: int) -> Callable[[HostileDecoder], None]:
    def end(decoder: HostileDecoder) -> None:
        # os.kill() is not allowed any more; raise() calls tgkill(), as abort() does.
        ctypes.CDLL(None)["raise"](number)
        wait()

    return end


def sends(*messages: bytes | dict[str, Any]) -> Callable[[HostileDecoder], None]:
    def send(decoder: HostileDecoder) -> None:
        decoder.send(*messages)
        wait()

    return send


def burns_cpu(decoder: HostileDecoder) -> None:
    burn()


def burns_cpu_after_notice(decoder: HostileDecoder) -> None:
    decoder.send(size=PHOTO)
    burn()


def burns_cpu_in_threads(decoder: HostileDecoder) -> None:
    for _ in range(3):
        threading.Thread(target=burn).start()
    # The system call exit: the main thread ends, the others go on.
    ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)


def starts_threads(decoder: HostileDecoder) -> None:
    threading.stack_size(1 << 15)
    for _ in range(200):
        threading.Thread(target=wait, daemon=True).start()
    wait()


def starts_threads_when_idle(decoder: HostileDecoder) -> None:
    decoder.answer()
    starts_threads(decoder)


def burns_cpu_when_idle(decoder: HostileDecoder) -> None:
    decoder.answer()
    burn()


def dies_when_idle(decoder: HostileDecoder) -> None:
    decoder.answer()
    os._exit(3)


def closes_its_socket_when_idle(decoder: HostileDecoder) -> None:
    decoder.answer()
    closes_its_socket(decoder)


def never_receives_again(decoder: HostileDecoder) -> None:
    decoder.answer()
    wait()


MODES: dict[str, Callable[[HostileDecoder], None]] = {
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
    descriptor, memory, *limits = map(int, arguments)
    control = socket.socket(fileno=descriptor)
    pixels = mmap.mmap(memory, os.fstat(memory).st_size)
    os.close(memory)
    decoder = HostileDecoder(control, pixels, Limits(*limits))
    control.send(restrict(10**9, FILES).encode() or b"ok")
    if mode == "answers before it is asked":
        decoder.send({"job": "0" * 16, "size": PHOTO}, {"job": "0" * 16, "image": IMAGE, "photo": PHOTO})
    elif mode == "closes its socket at once":
        closes_its_socket(decoder)
    while True:
        decoder.receive()
        MODES[mode](decoder)


if __name__ == "__main__":
    main()

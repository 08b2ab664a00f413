"""The rules for the messages of one job: which of them a job may have, and the CPU time that it gets."""

import pytest

from core.decoders.exchange import CPU_SECONDS, CPU_SECONDS_PER_MEGAPIXEL, Exchange
from core.decoders.messages import Answer, Failure, Limits, Notice, PixelSize, ProcessLost, encoded

HEADER = (400, 300)


@pytest.fixture
def exchange() -> Exchange:
    """An exchange about job 7, for a photo of at most 0.12 megapixels."""
    return Exchange("7", Limits(image_size=65, max_pixels=120_000))


def send(exchange: Exchange, message: Notice | Answer | Failure) -> Answer | Failure | None:
    return exchange.accept(encoded(message))


@pytest.mark.parametrize(("photo", "image"), [(HEADER, (65, 48)), (HEADER[::-1], (48, 65))])
def test_answer_with_the_size_of_the_header_turned_or_not_is_accepted(
    exchange: Exchange, photo: PixelSize, image: PixelSize
) -> None:
    assert send(exchange, Notice("7", HEADER)) is None
    assert send(exchange, Answer("7", image, photo)) == Answer("7", image, photo)


def test_failure_is_accepted_with_and_without_notice(exchange: Exchange) -> None:
    failure = Failure("7", "InvalidImage", "damaged")
    assert send(exchange, failure) == failure
    assert send(exchange, Notice("7", HEADER)) is None
    assert send(exchange, failure) == failure


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([Answer("7", (65, 48), HEADER)], "another size than its header"),
        ([Notice("7", (300, 300)), Answer("7", (65, 48), HEADER)], "another size than its header"),
        ([Notice("7", HEADER), Answer("7", (65, 48), (400, 299))], "another size than its header"),
        ([Notice("7", HEADER), Answer("7", (65, 48), (300, 400))], "another size than the model's"),
        ([Notice("7", HEADER), Answer("7", (65, 49), HEADER)], "another size than the model's"),
        ([Notice("7", HEADER), Answer("7", HEADER, HEADER)], "another size than the model's"),
        ([Notice("7", HEADER), Notice("7", HEADER)], "second notice"),
        ([Notice("7", (400, 301))], "more pixels"),
        ([Notice("7", (10**3000, 10))], "more pixels"),
        ([Notice("7", HEADER), Answer("7", (65, 1), (10**3000, 1))], "another size than its header"),
        ([Notice("6", HEADER)], "another job"),
        ([Notice("", HEADER)], "another job"),
        ([Notice("7", HEADER), Answer("6", (65, 48), HEADER)], "another job"),
        ([Failure("8", "InvalidImage", "damaged")], "another job"),
    ],
)
def test_message_against_the_rules_loses_the_decoder(
    exchange: Exchange, messages: list[Notice | Answer | Failure], reason: str
) -> None:
    *allowed, last = messages
    for message in allowed:
        send(exchange, message)
    with pytest.raises(ProcessLost, match="wrong answer") as raised:
        send(exchange, last)
    assert (raised.value.loss, reason in raised.value.details) == ("answer", True)


def test_cpu_time_is_that_of_a_small_file_until_the_notice(exchange: Exchange) -> None:
    assert exchange.cpu_seconds == CPU_SECONDS
    send(exchange, Notice("7", HEADER))
    assert exchange.cpu_seconds == pytest.approx(CPU_SECONDS + 0.12 * CPU_SECONDS_PER_MEGAPIXEL)


def test_wrong_notice_extends_no_cpu_time(exchange: Exchange) -> None:
    for notice in (Notice("7", (400, 301)), Notice("6", HEADER)):
        with pytest.raises(ProcessLost):
            send(exchange, notice)
    assert exchange.cpu_seconds == CPU_SECONDS

"""Logs and traces: one JSON line an event, with ids, and neither passwords nor what a person wrote."""

import asyncio
import gc
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from libs.chassis.failures import failure_location, log_unhandled
from libs.chassis.span_export import configure_tracing
from libs.chassis.spans import span
from libs.chassis.telemetry import configure_logging, log_with, logger, set_log_level
from libs.chassis.trace_context import trace_headers

PHONE = "+966501234567"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_log_line_is_json_with_service_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1")

    logger("x").info("settled", code="sent")

    (line,) = lines(capsys)
    assert line.items() >= {
        "event": "settled", "code": "sent", "level": "info", "service": "policy", "replica": "policy-1",
    }.items()  # fmt: skip
    assert str(line["timestamp"]).endswith("Z")


def test_a_line_break_in_a_value_cannot_begin_another_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1")

    logger("x").info("settled", name='a"}\n{"event": "forged')

    assert len(lines(capsys)) == 1


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("amqp://gateway:s3cret@host:5672/", id="user and password"),
        pytest.param("mongodb://gateway:s3cret@a,b/?replicaSet=x", id="many hosts"),
        pytest.param("amqp://gateway:p@s3cret@host/", id="an at sign in the password"),
        pytest.param("could not reach amqp://gateway:s3cret@host/ at all", id="in the middle of a sentence"),
    ],
)
def test_a_password_in_a_url_is_not_logged(capsys: pytest.CaptureFixture[str], url: str) -> None:
    configure_logging("policy", "policy-1")

    logger("x").warning(url, at=url)
    logging.getLogger("library").warning("%s", url)

    assert "s3cret" not in capsys.readouterr().out


def fail() -> None:
    raise KeyError(PHONE)


def fail_because_of_another() -> None:
    try:
        fail()
    except KeyError as cause:
        raise ValueError(PHONE) from cause


def test_an_exceptions_place_is_logged_and_its_text_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1")

    try:
        fail()
    except KeyError:
        logger("x").exception("failed")
        logging.getLogger("asyncio").exception("Task exception was never retrieved")

    out = capsys.readouterr().out
    assert PHONE not in out
    assert out.count("KeyError") == 2
    assert out.count(" > test_telemetry.py:") == 2


def test_an_exception_that_another_led_to_shows_neither_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1")

    try:
        fail_because_of_another()
    except ValueError:
        logger("x").exception("failed")

    out = capsys.readouterr().out
    assert PHONE not in out
    assert out.index("ValueError at") < out.index("caused by KeyError at")


async def test_what_nobody_awaited_is_told_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1")
    asyncio.get_running_loop().set_exception_handler(log_unhandled)

    async def lost() -> None:
        fail()

    task = asyncio.create_task(lost())
    await asyncio.wait({task})
    del task
    gc.collect()

    (line,) = lines(capsys)
    assert line["failure"] == "KeyError"
    assert PHONE not in str(line)


def test_debug_is_left_out_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1", "warning")

    logger("x").info("settled")

    assert capsys.readouterr().out == ""


def test_the_level_changes_without_a_restart_also_for_loggers_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1", "warning")
    used = logger("x")
    used.info("before")

    set_log_level("debug")
    used.debug("during")
    set_log_level("warning")
    used.info("after")

    assert [line["event"] for line in lines(capsys)] == ["during"]


async def test_ids_of_a_task_are_on_its_lines_and_on_those_of_the_tasks_that_it_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("policy", "policy-1")

    async def started() -> None:
        logger("x").warning("refused")

    async def handle(event_id: str) -> None:
        log_with(event_id=event_id)
        await asyncio.create_task(started())

    await asyncio.gather(*(asyncio.create_task(handle(event_id)) for event_id in ("e-1", "e-2")))
    logger("x").warning("outside")

    assert [line.get("event_id") for line in lines(capsys)] == ["e-1", "e-2", None]


def test_the_libraries_that_print_whole_messages_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1", "debug")

    for name in ("aio_pika", "aiormq.connection"):
        logging.getLogger(name).error(PHONE)

    assert capsys.readouterr().out == ""


def test_a_trace_goes_on_from_the_carrier_and_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1")
    configure_tracing("policy", "policy-1", endpoint=None, ratio=0.1)
    trace_id = "0af7651916cd43dd8448eb211c80319c"

    with span("handle", parent={"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}):
        headers = trace_headers()
        logger("x").info("inside")

    assert headers["traceparent"].split("-")[1] == trace_id
    assert lines(capsys)[0]["trace_id"] == trace_id


def test_a_garbled_carrier_begins_a_new_trace() -> None:
    configure_tracing("policy", "policy-1", endpoint=None, ratio=0.1)

    with span("handle", parent={"traceparent": "no such thing"}):
        assert "traceparent" in trace_headers()


def test_a_defect_is_told_by_its_place() -> None:
    try:
        fail()
    except KeyError as defect:
        place = failure_location(defect)

    assert place.startswith("test_telemetry.py:")

"""A log call never raises: not on a full disk, not on a closed pipe, not for a value that cannot be written."""

import io
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY

from libs.chassis.log_output import LogOutput, log_last_resorts
from libs.chassis.telemetry import configure_logging, logger

PHONE = "+966501234567"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = threading.excepthook, sys.unraisablehook, sys.excepthook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    threading.excepthook, sys.unraisablehook, sys.excepthook = hooks
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lost() -> float:
    return REGISTRY.get_sample_value("gateway_log_lines_lost_total") or 0.0


def test_a_full_disk_costs_the_line_and_nothing_else() -> None:
    before = lost()

    with Path("/dev/full").open("w", encoding="utf-8") as full:
        LogOutput(full).line("settled")

    assert lost() == before + 1


def test_a_closed_pipe_costs_the_line_and_nothing_else() -> None:
    before, (reading, writing) = lost(), os.pipe()
    os.close(reading)

    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        LogOutput(stream).line("settled")

    assert lost() == before + 1


def test_a_line_that_was_cut_off_is_ended_before_the_next_one() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with os.fdopen(reading, "rb", buffering=0) as pipe, os.fdopen(writing, "w", encoding="utf-8") as stream:
        output = LogOutput(stream)
        output.line("x" * 1_000_000)  # more than the pipe takes
        torn = pipe.read(10_000_000)

        output.line("whole")

        assert torn.rstrip(b"x") == b""
        assert pipe.read(10_000_000) == b"\nwhole\n"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(PHONE)

    __repr__ = __str__


def circle() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param(2**80, id="an integer of more than 64 bits"),
        pytest.param({1: "x"}, id="a key that is no text"),
        pytest.param(circle(), id="a list that contains itself"),
        pytest.param(Unprintable(), id="a value that cannot be printed"),
    ],
)
def test_a_value_that_cannot_be_written_costs_itself_and_not_the_line(
    capsys: pytest.CaptureFixture[str], value: object
) -> None:
    configure_logging("policy", "policy-1")

    logger("x").warning("settled", value=value)

    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["level"], line["unserializable"]) == ("settled", "warning", True)
    assert PHONE not in str(line)


def test_a_defect_in_the_chain_of_processors_costs_the_line_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("policy", "policy-1")
    before = lost()

    class Broken:
        def __bool__(self) -> bool:
            raise RuntimeError

    structlog.get_config()["processors"].insert(0, lambda *_: bool(Broken()))
    logger("y").warning("settled")

    assert lost() == before + 1
    assert capsys.readouterr() == ("", "")


def test_a_library_whose_record_cannot_be_formatted_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("policy", "policy-1")
    before = lost()

    arguments = (PHONE,)
    logging.getLogger("library").warning("%d of %d", *arguments)

    assert lost() == before + 1
    assert capsys.readouterr() == ("", "")


def test_what_python_would_print_itself_is_a_line_without_the_exceptions_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("policy", "policy-1")
    log_last_resorts()

    thread = threading.Thread(target=lambda: int(PHONE + "x"))
    thread.start()
    thread.join()

    out, err = capsys.readouterr()
    assert json.loads(out)["event"] == "unhandled exception in a thread"
    assert PHONE not in out
    assert err == ""


def test_a_stream_without_a_file_is_written_through_its_text_interface() -> None:
    stream = io.StringIO()

    LogOutput(stream).line("é")

    assert stream.getvalue() == "é\n"

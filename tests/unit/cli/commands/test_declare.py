"""`gateway declare` without a broker: exit codes and sentences. What it declares: tests/integration/chassis."""

import json

import pytest

from tools.cli.console_client import ExitCode
from tools.cli.program import run

AWAY = {"GATEWAY_AMQP_URL": "amqp://declare:a-password@127.0.0.1:1/"}


def test_a_broker_that_cannot_be_reached_is_unreachable_and_named_without_its_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(["declare", "--wait", "0.1"], AWAY)

    out, err = capsys.readouterr()
    assert (code, out) == (ExitCode.UNREACHABLE, "")
    assert err.count("\n") == 1
    assert err.startswith("RabbitMQ at 127.0.0.1:1 cannot be reached")
    assert "a-password" not in err


def test_with_json_the_failure_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    run(["declare", "--wait", "0.1", "--json"], AWAY)

    assert json.loads(capsys.readouterr().out)["error"] == "unreachable"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        pytest.param({}, "GATEWAY_AMQP_URL: Field required", id="no broker"),
        pytest.param(
            {**AWAY, "GATEWAY_AMQP_MANAGMENT_URL": "x"}, "did you mean GATEWAY_AMQP_MANAGEMENT_URL", id="typo"
        ),
        pytest.param({"GATEWAY_AMQP_URL_FILE": "/nowhere"}, "GATEWAY_AMQP_URL_FILE: cannot be read", id="no such file"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_done(
    environ: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["declare"], environ)

    assert code is ExitCode.USAGE
    assert sentence in capsys.readouterr().err


def test_it_needs_no_console_and_no_token(capsys: pytest.CaptureFixture[str]) -> None:
    run(["declare", "--wait", "0.1"], AWAY)

    assert "token" not in capsys.readouterr().err

"""`gateway verify-delivery`: what a receiver of forwards can check on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.forwards import delivery_headers
from tools.cli.console_client import ExitCode
from tools.cli.program import run

SECRET = "a-forward-secret-of-a-test-only"
BODY = '{"id":"7","message":{"text":"مرحبا"}}'.encode()
AT = 1_763_899_200
HEADERS = delivery_headers(secret=SECRET, delivery_id="0007", kind="message.received", timestamp=AT, body=BODY)
OWN_ONLY = {name: value for name, value in HEADERS.items() if not name.startswith("webhook-")}
STANDARD_ONLY = {name: value for name, value in HEADERS.items() if name.startswith("webhook-")}


def verified(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    headers: dict[str, str] | str = HEADERS,
    body: bytes = BODY,
    secret: str = SECRET,
    at: int = AT,
) -> tuple[ExitCode, dict[str, Any]]:
    (folder / "headers").write_text(headers if isinstance(headers, str) else json.dumps(headers), "utf-8")
    (folder / "body").write_bytes(body)
    command = ("verify-delivery", "--headers", str(folder / "headers"), "--body", str(folder / "body"))
    code = run((*command, "--secret", secret, "--at", str(at), "--json"), {})
    return code, json.loads(capsys.readouterr().out)


def test_both_signatures_of_a_genuine_delivery_are_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = verified(tmp_path, capsys)

    assert code is ExitCode.DONE
    assert printed == {
        "verified": True,
        "event": "message.received",
        "id": "0007",
        "gateway": "verified",
        "standard-webhooks": "verified",
    }


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        pytest.param(OWN_ONLY, "gateway", id="ours alone"),
        pytest.param(STANDARD_ONLY, "standard-webhooks", id="Standard Webhooks alone"),
        pytest.param("".join(f"{n.upper()}: {v}\r\n" for n, v in OWN_ONLY.items()), "gateway", id="lines of a dump"),
        pytest.param(
            {name: value.removeprefix("sha256=") for name, value in OWN_ONLY.items()}, "gateway", id="bare hex"
        ),
        pytest.param(
            STANDARD_ONLY | {"webhook-signature": "v1,b2xk " + STANDARD_ONLY["webhook-signature"]},
            "standard-webhooks",
            id="one of several signatures",
        ),
    ],
)
def test_one_valid_signature_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], headers: dict[str, str] | str, scheme: str
) -> None:
    code, printed = verified(tmp_path, capsys, headers=headers)

    assert code is ExitCode.DONE
    assert [name for name, said in printed.items() if said == "verified"] == [scheme]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"body": BODY + b"\n"}, id="a line break more"),
        pytest.param({"body": json.dumps(json.loads(BODY)).encode()}, id="the same JSON written otherwise"),
        pytest.param({"body": b"\xff"}, id="no text at all"),
        pytest.param({"secret": "another"}, id="another secret"),
        pytest.param({"at": AT + 301}, id="too old"),
        pytest.param({"at": AT - 301}, id="from the future"),
        pytest.param({"headers": {}}, id="no headers"),
        pytest.param(
            {"headers": HEADERS | {"X-WhatsApp-Gateway-Timestamp": "now", "webhook-timestamp": "-1"}}, id="no times"
        ),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any]) -> None:
    code, printed = verified(tmp_path, capsys, **changes)

    assert code is ExitCode.REFUSED
    assert printed["verified"] is False
    assert "verified" not in (printed["gateway"], printed["standard-webhooks"])


def test_a_delivery_within_the_tolerance_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(tmp_path, capsys, at=AT + 300)[0] is ExitCode.DONE


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")

    assert run(("verify-delivery", "--headers", missing, "--body", missing, "--secret", "s"), {}) is ExitCode.USAGE

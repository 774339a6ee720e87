"""`gateway verify-delivery`: what a receiver of forwards can check on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.forwarding import delivery_headers
from tools.cli.console import Exit
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
) -> tuple[Exit, dict[str, Any]]:
    (folder / "headers").write_text(headers if isinstance(headers, str) else json.dumps(headers), "utf-8")
    (folder / "body").write_bytes(body)
    command = ("verify-delivery", "--headers", str(folder / "headers"), "--body", str(folder / "body"))
    code = run((*command, "--secret", secret, "--at", str(at), "--json"), {})
    return code, json.loads(capsys.readouterr().out)


def test_a_genuine_delivery_is_vouched_for_by_both_schemes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = verified(tmp_path, capsys)

    assert code is Exit.DONE
    assert told == {
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
def test_one_scheme_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], headers: dict[str, str] | str, scheme: str
) -> None:
    code, told = verified(tmp_path, capsys, headers=headers)

    assert code is Exit.DONE
    assert [name for name, said in told.items() if said == "verified"] == [scheme]


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
    code, told = verified(tmp_path, capsys, **changes)

    assert code is Exit.REFUSED
    assert told["verified"] is False
    assert "verified" not in (told["gateway"], told["standard-webhooks"])


def test_a_delivery_within_the_tolerance_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(tmp_path, capsys, at=AT + 300)[0] is Exit.DONE


def test_a_file_that_is_not_there_is_a_wrong_use(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")

    assert run(("verify-delivery", "--headers", missing, "--body", missing, "--secret", "s"), {}) is Exit.USAGE

"""`gateway policy simulate`."""

import json
from pathlib import Path
from typing import Any

from libs.contracts.decisions import Decision, RuleReceipt
from libs.contracts.errors import ErrorCode
from tests.unit.cli.shell import Shell
from tests.unit.console.world import PHONE
from tools.cli.console_client import ExitCode

RECEIPT: list[dict[str, Any]] = [
    {"rule": "purpose_is_allowed", "version": 1, "passed": True, "inputs": {"purpose": "support"}},
    {"rule": "customer_has_not_opted_out", "version": 3, "passed": False, "inputs": {"suppressed": ["opt_out"]}},
]


async def test_a_simulation_prints_every_rule_and_sends_nothing(shell: Shell) -> None:
    line = await shell.world.integration()
    receipt = tuple(RuleReceipt(**each) for each in RECEIPT)
    shell.world.policy.decision = Decision(code=ErrorCode.RECIPIENT_SUPPRESSED, receipt=receipt)

    code, out, _ = await shell("policy", "simulate", line["id"], "--to", PHONE, "--text", "Hi", "--purpose", "support")

    [asked] = shell.world.policy.asked
    assert code is ExitCode.DONE
    assert (asked.payload.event_type, asked.payload.to, asked.payload.text) == ("outbound_message", PHONE, "Hi")
    assert "Decision: recipient_suppressed" in out
    assert "✗" in out
    assert "Nothing was sent" in out


async def test_a_simulated_webhook_can_come_from_a_file(shell: Shell, tmp_path: Path) -> None:
    line = await shell.world.integration()
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"event_type": "missed_call", "caller": PHONE}))

    printed = await shell.json("policy", "simulate", line["id"], "--file", str(file))

    assert printed["code"] == "approved"
    assert shell.world.policy.asked[0].payload.event_type == "missed_call"

"""The demo's results: writes the compliance report and verifies the record."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tools.demo.client import DemoClient

FORMS = ("html", "pdf")


async def write_reports(client: DemoClient, name: str, folder: Path) -> list[Path]:
    """Write the account's report of yesterday and today (in its time zone) to `folder`; returns the files."""
    account = await _account(client, name)
    today = datetime.now(UTC).astimezone(ZoneInfo(account["timezone"])).date()
    period = f"from={today - timedelta(days=1)}&to={today + timedelta(days=1)}"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for form in FORMS:
        content = await client.api("GET", f"/reports/compliance?account_id={account['id']}&{period}&format={form}")
        path = folder / f"compliance-{name.lower()}-{today}.{form}"
        path.write_bytes(content)
        written.append(path)
    return written


async def _account(client: DemoClient, name: str) -> dict[str, Any]:
    found = await client.api("GET", "/accounts?limit=200")
    return next(account for account in found["items"] if account["name"] == name)


async def verify_record(client: DemoClient) -> tuple[bool, str]:
    """Verify every chain of the record; returns whether it is intact, and a sentence about it."""
    result = await client.api("GET", "/audit/verify")
    counts = f"{result['records']:,} records and {result['checkpoints']:,} checkpoints verified"
    if result["ok"]:
        return True, f"The record is intact: {counts}."
    return False, f"The record is NOT intact: {counts}; first fault: {result['first_fault']}"

"""What the day leaves behind: the compliance report of its account, as a page and as a PDF."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tools.demo.world import World

FORMS = ("html", "pdf")


async def filed(world: World, name: str, folder: Path) -> list[Path]:
    """Write the report of the account of that name to `folder`, for its own today and yesterday; where it lies."""
    account = await _account(world, name)
    today = datetime.now(UTC).astimezone(ZoneInfo(account["timezone"])).date()
    period = f"from={today - timedelta(days=1)}&to={today + timedelta(days=1)}"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for form in FORMS:
        content = await world.api("GET", f"/reports/compliance?account_id={account['id']}&{period}&format={form}")
        path = folder / f"compliance-{name.lower()}-{today}.{form}"
        path.write_bytes(content)
        written.append(path)
    return written


async def _account(world: World, name: str) -> dict[str, Any]:
    found = await world.api("GET", "/accounts?limit=200")
    return next(account for account in found["items"] if account["name"] == name)


async def verified(world: World) -> tuple[bool, str]:
    """Have every chain of the record recomputed; whether all is well, and what to say of it."""
    told = await world.api("GET", "/audit/verify")
    counts = f"{told['records']:,} records and {told['checkpoints']:,} checkpoints recomputed"
    if told["ok"]:
        return True, f"The record is intact: {counts}."
    return False, f"The record is BROKEN: {counts}; first fault: {told['first_fault']}"

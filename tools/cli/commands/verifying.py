"""`gateway verify-delivery`: whether the gateway sent this."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tools.cli.commands.session import Given, secret_from
from tools.cli.console import Exit, Failed
from tools.cli.deliveries import Delivery, described, findings, headers_from


def verify_delivery(
    *,
    headers: Annotated[Path, Parameter(help="File with the headers: `Name: value` a line, or a JSON object.")],
    body: Annotated[Path, Parameter(help="File with the body, byte for byte.")],
    secret: Annotated[str | None, Parameter(help="The integration's forward secret; `-` reads standard input.")] = None,
    at: Annotated[int | None, Parameter(help="When it arrived, in Unix seconds; now when not given.")] = None,
    tolerance: Annotated[float, Parameter(help="How many seconds the timestamp may be off.")] = 300.0,
    session: Given,
) -> None:
    """Check the signature and the age of a delivery to a forward URL, and tell which scheme vouches for it."""
    try:
        delivery = Delivery(headers_from(headers.read_text("utf-8")), body.read_bytes())
    except (OSError, ValueError) as error:
        raise Failed(f"Cannot be read: {error}", Exit.USAGE) from None
    now = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    found = list(findings(delivery, secret_from(secret, "Forward secret"), now=now, tolerance=tolerance))
    vouching = [finding.scheme for finding in found if finding.problem is None]
    told = {"verified": bool(vouching), **described(delivery)}
    told |= {finding.scheme: finding.problem or "verified" for finding in found}
    if not vouching:
        problems = "\n".join(f"  {finding.scheme}: {finding.problem}" for finding in found)
        raise Failed(f"Not verified, no scheme vouches for this delivery\n{problems}", Exit.REFUSED, told)
    session.show.item(told)

"""`gateway verify-delivery`: check the signature of a delivery to a forward URL."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tools.cli.commands.session import CurrentSession, secret_from
from tools.cli.console_client import CommandFailed, ExitCode
from tools.cli.delivery_signatures import Delivery, check_signatures, headers_from, identity_of


def verify_delivery(
    *,
    headers: Annotated[Path, Parameter(help="File with the headers: a JSON object, or one `Name: value` per line.")],
    body: Annotated[Path, Parameter(help="File with the unchanged body.")],
    secret: Annotated[str | None, Parameter(help="The integration's forward secret; `-` reads standard input.")] = None,
    at: Annotated[int | None, Parameter(help="Unix time of its arrival; now by default.")] = None,
    tolerance: Annotated[float, Parameter(help="Seconds by which the timestamp may differ.")] = 300.0,
    session: CurrentSession,
) -> None:
    """Check the signatures and the age of a delivery to a forward URL. One valid signature is enough."""
    try:
        delivery = Delivery(headers_from(headers.read_text("utf-8")), body.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandFailed(f"Cannot be read: {error}", ExitCode.USAGE) from None
    now = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    checks = list(check_signatures(delivery, secret_from(secret, "Forward secret"), now=now, tolerance=tolerance))
    verified = any(check.problem is None for check in checks)
    result = {"verified": verified, **identity_of(delivery)}
    result |= {check.scheme: check.problem or "verified" for check in checks}
    if not verified:
        problems = "\n".join(f"  {check.scheme}: {check.problem}" for check in checks)
        raise CommandFailed(f"Not verified: no signature is valid\n{problems}", ExitCode.REFUSED, result)
    session.output.item(result)

"""`gateway chat-setup` and `gateway chat-test`: connect 3CX's own chat, and show that the way to it is open."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Final

from cyclopts import Parameter

from tools.cli.commands.session import CurrentSession
from tools.cli.console_client import CommandFailed, ConsoleClient, ExitCode, path_of

DAY: Final = 86_400
WAIT_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.2
ENDED: Final = ("delivered", "failed")
PLACES: Final = {
    "provider_url": "Voice & Chat > the SIP trunk > SMS > Provider URL",
    "api_key": "the same page > API Key",
    "main_numbers": "Voice & Chat > the SIP trunk > General > Main Trunk No: the sender of the chat, E.164 with +",
    "chat_webhook_url": "copy `Webhook URL` of that page: gateway integrations edit … --chat-webhook-url URL",
}
"""Where each value belongs in 3CX's Admin Console (Version 20); docs/threecx.md has the steps."""
COPY_AGAIN: Final = "Copy `Webhook URL` of the trunk again: gateway integrations edit … --chat-webhook-url"
UNREACHABLE: Final = "Sender cannot reach 3CX: look at its name in DNS, its firewall, and where sender may connect to."
HINTS: Final = {
    **dict.fromkeys(("http_404", "http_410", "redirect", "invalid_url", "not_https"), COPY_AGAIN),
    **dict.fromkeys(("http_401", "http_403"), f"3CX refuses the address of sender or the URL. {COPY_AGAIN}"),
    **dict.fromkeys(("dns_failed", "connect_failed", "connect_timeout", "timeout", "connection_lost"), UNREACHABLE),
    "tls_failed": "3CX's certificate is not valid for its name, or its chain is incomplete.",
    "address_refused": "The name leads to a private address, where sender does not connect to. Use 3CX's public name.",
    "port_refused": "Sender connects to the ports of GATEWAY_FORWARD_PORTS alone.",
}
"""What to do about the usual reasons; docs/threecx.md has the others."""


def chat_setup(
    integration_id: str,
    *,
    overlap_seconds: Annotated[int, Parameter(help="Seconds for which earlier chat keys stay valid.")] = DAY,
    session: CurrentSession,
) -> None:
    """Create a chat key and print what to enter in 3CX, and where. The key is shown only once."""
    path = path_of("integrations", integration_id, "rotate-secret")
    rotated = session.console.post(path, {"overlap_seconds": overlap_seconds, "which": "chat"})
    shown = session.console.get(path_of("integrations", integration_id))
    setup = {
        "provider_url": shown["chat_url"],
        "api_key": rotated["secret"],
        "main_numbers": ", ".join(shown["chat_numbers"]) or "none: set chat_numbers first",
        "chat_enabled": shown["chat_enabled"],
        "chat_webhook_url": shown["chat_webhook_url"] or "none yet",
        "where": PLACES,
    }
    session.output.item_with_secrets(setup, ("api_key",))


def chat_test(
    integration_id: str,
    *,
    main_number: Annotated[str | None, Parameter(help="One of chat_numbers; the first by default.")] = None,
    session: CurrentSession,
) -> None:
    """Post one line into 3CX's chat, and say what came back."""
    body = {} if main_number is None else {"main_number": main_number}
    posted = session.console.post(path_of("integrations", integration_id, "chat-test"), body)
    forward = ended_forward(session.console, posted["forward_id"])
    session.output.item({**posted, **forward})
    if forward["status"] != "delivered":
        problem = str(forward["last_error"] or forward["status"])
        raise CommandFailed(f"3CX did not take the line: {problem}. {_hint_for(problem)}", ExitCode.REFUSED)


def ended_forward(
    console: ConsoleClient,
    forward_id: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """What became of the line, once sender has posted it. Raises CommandFailed when that takes too long."""
    deadline = clock() + WAIT_SECONDS
    while True:
        found = _forward(console, forward_id)
        if found is not None and found["status"] in ENDED:
            return {name: found[name] for name in ("status", "last_status", "last_error")}
        if clock() >= deadline:
            raise CommandFailed("the line was not posted within 30 s: is sender running?", ExitCode.UNREACHABLE)
        sleep(LOOK_SECONDS)


def _forward(console: ConsoleClient, forward_id: str) -> dict[str, Any] | None:
    """The forward; None until sender has begun it."""
    try:
        return console.get(path_of("forwards", forward_id))
    except CommandFailed as failed:
        if failed.body.get("error") == "not_found":
            return None
        raise


def _hint_for(problem: str) -> str:
    """What to look at first."""
    return HINTS.get(problem, "Look at SMS in 3CX's trunk and at 3CX's event log.")

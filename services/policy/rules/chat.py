"""Rules about messages that agents write in 3CX's chat."""

from libs.contracts.chat import ChatCommand
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from services.policy.domain.facts import Facts, Finding, Objection, Pass

COMMAND_NAMES = ["template", "contact", ChatCommand.STOP.value, ChatCommand.WHY.value]


def chat_is_between_known_numbers(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The main number is one of the integration's, and the other number is a customer's: E.164, or a pseudo number."""
    main_numbers, payload = facts.integration.chat_numbers, webhook.payload
    if payload.from_ not in main_numbers:
        return Objection(ErrorCode.MISSING_PHONE, {"field": "from"}, {"main_number": False})
    if facts.customer is None or facts.customer.phone in main_numbers:
        problem = "unusable" if facts.customer is None else "own_number"
        return Objection(ErrorCode.MISSING_PHONE, {"field": "to", "problem": problem}, {"problem": problem})
    return Pass({"main_number": True, "number_id": facts.integration.instance_id})


def command_is_known(webhook: WebhookReceived, _: Facts) -> Finding:
    """What stands after a slash is a command: a mistyped one is not sent to the customer."""
    command = webhook.payload.command
    if command == ChatCommand.UNKNOWN:
        details = {"field": "text", "problem": "unknown_command", "commands": COMMAND_NAMES}
        return Objection(ErrorCode.MISSING_MESSAGE_TEXT, details, {"command": command})
    return Pass({"command": command})

"""What agents can ask the gateway in 3CX's chat, instead of writing to the customer."""

from enum import StrEnum, unique


@unique
class ChatCommand(StrEnum):
    """A command; `/template` and `/contact` are none of them: they are messages."""

    STOP = "stop"
    """Block the customer."""
    WHY = "why"
    """Tell the last refusal in this chat again."""
    UNKNOWN = "unknown"
    """A word after a slash that is no command, or a command that cannot be read: it is not sent to the customer."""

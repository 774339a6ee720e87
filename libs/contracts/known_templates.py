"""The templates of WhatsApp as the gateway knows them: what each takes, and whether it may be sent."""

from dataclasses import dataclass, field
from typing import Final

APPROVED: Final = "APPROVED"
MARKETING, AUTHENTICATION = "MARKETING", "AUTHENTICATION"
"""Categories (Meta, "Template categorization"); the third one is `UTILITY`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownButton:
    """A button of a template: at `index`, of `type` (`URL`, `QUICK_REPLY` …); `takes_value`: it needs one."""

    index: int
    type: str
    takes_value: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTemplate:
    """A template in one language; texts keep their placeholders, such as `{{1}}` or `{{first_name}}`."""

    name: str
    language: str
    status: str
    """`APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED` …"""
    category: str
    """`UTILITY`, `AUTHENTICATION` or `MARKETING`."""
    body: str = field(default="", repr=False)
    parameters: tuple[str, ...] = ()
    """The names of the body's placeholders in order; `1`, `2` … for numbered ones."""
    named: bool = False
    header: str | None = field(default=None, repr=False)
    """The text of the header; None without one, or for media."""
    header_parameters: tuple[str, ...] = ()
    header_media: str | None = None
    """`image`, `video` or `document`, when the header shows media."""
    buttons: tuple[KnownButton, ...] = ()
    quality: str | None = None
    """WhatsApp's score of its quality: `GREEN`, `YELLOW`, `RED` or `UNKNOWN`."""

    @property
    def approved(self) -> bool:
        """Whether WhatsApp lets it be sent."""
        return self.status == APPROVED

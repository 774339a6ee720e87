"""What a person is told with a copy of their data (GDPR article 15(1), (2)), in plain sentences.

The account is the controller; whoever runs the gateway processes the data for it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from libs.providers.registry import recipient_of
from libs.store.erased_customers import MARKERS_KEPT
from services.console.domain.pagination import View


class SubjectInformation(View):
    """The information of article 15 in English sentences; the account adds its own contact when it passes them on."""

    controller: str
    purposes: tuple[str, ...]
    categories: tuple[str, ...]
    recipients: tuple[str, ...]
    retention: tuple[str, ...]
    source: tuple[str, ...]
    rights: tuple[str, ...]
    automated_decisions: tuple[str, ...]
    transfers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """What the account has set up."""

    business_name: str
    retention_days: int
    dead_letter_days: float
    forward_hosts: Collection[str]
    """Hosts of the phone systems that get the account's forwards."""
    providers: Collection[str]
    """Kinds of WhatsApp providers, as `libs.providers.registry` has them."""


_PURPOSES = (
    "To send and receive WhatsApp messages between you and the company, also as a result of your calls.",
    "To send you nothing more once you have said STOP, and to prove that.",
    "To prove afterwards what was sent, received and refused, and by which rules.",
)
_CATEGORIES = (
    "Your phone number or WhatsApp user id: as keyed hashes, shortened (masked), and encrypted.",
    "When messages were sent, received, delivered and read, their length and kind; not their text.",
    "Your requests to stop or to get messages, and the evidence of them.",
)
_SOURCE = (
    "You: what you wrote to the company on WhatsApp, and your calls.",
    "The company's phone system and its staff, who gave your number.",
    "WhatsApp: statuses of messages, and your user id.",
)
_RIGHTS = (
    "You may ask the company to correct your data, to erase it, or to restrict its use.",
    "You may object to its use. STOP, written to the company's number, ends messages at once.",
    "You may have your data in this machine-readable form passed on.",
    "You may withdraw a consent at any time; what happened before stays lawful.",
    "You may complain to a data protection authority.",
)
_AUTOMATED = (
    "Rules decide without a person whether one message is sent: opt-outs, limits, times and forbidden content.",
    "They have no legal effect for you. The records in this copy name each rule and what it looked at.",
)


def information_about(processing: Processing) -> SubjectInformation:
    """The information about one account's processing."""
    hosts = [f"The company's phone system at {host}." for host in sorted(processing.forward_hosts)]
    providers = [recipient_of(kind) or f"The WhatsApp provider {kind}." for kind in sorted(processing.providers)]
    return SubjectInformation(
        controller=processing.business_name,
        purposes=_PURPOSES,
        categories=_CATEGORIES,
        recipients=(
            *providers,
            *hosts,
            "The company's operators and auditors, and whoever runs this gateway for the company.",
        ),
        retention=_retention(processing),
        source=_SOURCE,
        rights=_RIGHTS,
        automated_decisions=_AUTOMATED,
        transfers="Meta may process messages outside your country; its terms of WhatsApp Business name the safeguards.",
    )


def _retention(processing: Processing) -> tuple[str, ...]:
    return (
        f"Records: {processing.retention_days} days after they were written, longer while a legal claim is pending.",
        f"Failed deliveries, encrypted: {processing.dead_letter_days:g} days.",
        "What was sent to you, for later statuses: 30 days.",
        "When you last wrote, and your requests to stop: until you are erased.",
        "After an erasure: a hash that keeps messages from you if you had said STOP, until you lift it.",
        f"For {MARKERS_KEPT.days} days after an erasure: a hash that cancels what was under way.",
        "Backups: 30 days for the keys that lead to you.",
    )

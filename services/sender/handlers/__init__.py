"""What sender does with what it hears: one handler per event."""

from services.sender.handlers.concluding import Conclude
from services.sender.handlers.consequences import Consequences
from services.sender.handlers.delivering import Deliver
from services.sender.handlers.following import Follow
from services.sender.handlers.forwarding import Forward, ForwardTerms
from services.sender.handlers.lanes import LaneLimits, Lanes
from services.sender.handlers.noting import Note
from services.sender.handlers.sending import Send
from services.sender.handlers.surroundings import Surroundings, Terms

__all__ = [
    "Conclude",
    "Consequences",
    "Deliver",
    "Follow",
    "Forward",
    "ForwardTerms",
    "LaneLimits",
    "Lanes",
    "Note",
    "Send",
    "Surroundings",
    "Terms",
]

"""What sender does with what it hears: one handler per event."""

from services.sender.handlers.delivering import Deliver, Surroundings, Terms
from services.sender.handlers.sending import Send

__all__ = ["Deliver", "Send", "Surroundings", "Terms"]

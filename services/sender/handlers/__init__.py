"""What sender does with what it hears: one handler per event."""

from services.sender.handlers.delivering import Deliver
from services.sender.handlers.sending import Send
from services.sender.handlers.surroundings import Surroundings, Terms

__all__ = ["Deliver", "Send", "Surroundings", "Terms"]

"""What policy does with each event that it hears."""

from services.policy.handlers.hearing import Hear
from services.policy.handlers.judging import Judge

__all__ = ["Hear", "Judge"]

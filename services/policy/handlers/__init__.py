"""What policy does with each event that it hears."""

from services.policy.handlers.hearing import Hear
from services.policy.handlers.heeding import Heed, Recognise
from services.policy.handlers.judging import Judge
from services.policy.handlers.knowing import Know
from services.policy.handlers.simulating import Simulate
from services.policy.handlers.telling import HearAndTell, Tell

__all__ = ["Hear", "HearAndTell", "Heed", "Judge", "Know", "Recognise", "Simulate", "Tell"]

"""The whole gateway on one machine: broker, simulator and the five services as processes of their own."""

from tools.stack.stack import Stack, StackPlan

__all__ = ["Stack", "StackPlan"]

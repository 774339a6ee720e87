"""Runs the whole gateway on one machine: a broker, a simulator and the five services as processes."""

from tools.stack.stack import Stack, StackPlan

__all__ = ["Stack", "StackPlan"]

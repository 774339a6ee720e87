"""Describes ingress's answers in spans: status and code. Only a server error is an error of the span."""

from libs.chassis.span_attributes import CODE, SERVER_ERROR, STATUS
from libs.chassis.spans import Span
from services.ingress.domain.answers import Answer


def describe_answer(current: Span, answer: Answer) -> None:
    """Set the answer's status and code. A refusal is what is wanted; a 5xx, also for an unknown outcome, is not."""
    current.set({STATUS: answer.status, CODE: answer.code})
    if answer.status >= SERVER_ERROR:
        current.fail(answer.code)

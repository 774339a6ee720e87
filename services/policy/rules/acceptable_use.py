"""Rules about acceptable use: paused accounts and numbers, and risky content."""

from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from services.policy.domain.content_score import Band, score
from services.policy.domain.decisions import judged_text_of
from services.policy.domain.facts import Facts, Finding, Objection, Pass, RuleInputs


def account_is_not_paused(_: WebhookReceived, facts: Facts) -> Finding:
    """Neither the account nor its number is paused."""
    number_paused = facts.number is not None and facts.number.paused
    inputs: RuleInputs = {"account_paused": facts.account.paused, "number_paused": number_paused}
    if facts.account.paused or number_paused:
        reason = "account_paused" if facts.account.paused else "number_paused"
        return Objection(ErrorCode.POLICY_VIOLATION, {"reason": reason}, inputs)
    return Pass(inputs)


def content_is_acceptable(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The risk score of every part of the message is below 80; from 50 it is sent and flagged for review."""
    found = score(judged_text_of(webhook, facts), facts.content, facts.account.blocked_words)
    inputs: RuleInputs = {"risk_score": found.risk_score, "matched": [*found.matched], "content_policy": found.version}
    if found.band is Band.BLOCK:
        details = {"reason": "content", "risk_score": found.risk_score, "matched": list(found.matched)}
        return Objection(ErrorCode.POLICY_VIOLATION, details, inputs)
    return Pass(inputs, flagged=found.band is Band.FLAG)

"""Rules about the form of the message: exactly one content, values that can be used, and what they refer to."""

from libs.contracts.decisions import Details, Purpose
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from libs.contracts.known_templates import AUTHENTICATION, MARKETING
from libs.store.restrictions import RestrictionKind, RestrictionScope
from services.policy.domain.facts import Facts, Finding, Objection, Pass, RuleInputs
from services.policy.domain.message_parts import CONTENT_FIELDS, kinds_of
from services.policy.domain.template_values import mismatch_of


def asks_for_template(webhook: WebhookReceived) -> bool:
    """Whether the message is a template that 3CX asks for by name."""
    return webhook.payload.template is not None


def quotes_a_message(webhook: WebhookReceived) -> bool:
    """Whether the message answers a message that it names."""
    return webhook.payload.reply_to is not None


def one_content_is_present(webhook: WebhookReceived, _: Facts) -> Finding:
    """An outbound message has exactly one of text, template, media and interactive, and it can be read."""
    payload = webhook.payload
    kinds = kinds_of(payload)
    if len(kinds) != 1:
        field = kinds[1] if kinds else "message_text"
        wanted: Details = {"field": field, "expected": list(CONTENT_FIELDS)}
        return Objection(ErrorCode.MISSING_MESSAGE_TEXT, wanted, {"length": 0, "kinds": [*kinds]})
    problem = payload.content_problem
    if problem is None:
        return Pass({"length": len(payload.text)} if payload.text else {"kind": kinds[0]})
    inputs: RuleInputs = {"kind": kinds[0], "field": problem.field, "problem": problem.problem}
    details: Details = {"field": problem.field, "problem": problem.problem}
    if problem.limit is not None:
        details |= {"limit": problem.limit}
    if ".media" in f".{problem.field}" and problem.problem != "too_long":
        return Objection(ErrorCode.INVALID_MEDIA, details | {"reason": problem.problem}, inputs)
    too_long = problem.problem == "too_long"
    return Objection(ErrorCode.MESSAGE_TEXT_TOO_LONG if too_long else ErrorCode.MISSING_MESSAGE_TEXT, details, inputs)


def quoted_message_is_of_this_conversation(_: WebhookReceived, facts: Facts) -> Finding:
    """`reply_to` names a message between this customer and this number: nothing is quoted to somebody else."""
    if facts.quoted_message_id is None:
        return Objection(ErrorCode.INVALID_REFERENCE, {"field": "reply_to"}, {"found": False})
    return Pass({"found": True})


def template_is_known(webhook: WebhookReceived, facts: Facts) -> Finding:
    """WhatsApp has the template in this language, as it was last read."""
    request = webhook.payload.template
    name, language = ("", "") if request is None else (request.name, request.language)
    languages = sorted(each.language for each in facts.known_templates)
    if facts.known_template is None:
        details = {"field": "template.language" if languages else "template.name", "expected": languages}
        return Objection(ErrorCode.INVALID_REFERENCE, details, {"template": name, "languages": [*languages]})
    return Pass({"template": name, "language": language, "category": facts.known_template.category})


def every_template_value_fits(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The message has a value for each placeholder of the template, and no other."""
    request, known = webhook.payload.template, facts.known_template
    found = None if request is None or known is None else mismatch_of(request, known)
    if found is not None:
        details = {"field": found.field, "problem": found.problem, "expected": found.expected}
        return Objection(ErrorCode.MISSING_MESSAGE_TEXT, details, {"field": found.field, "problem": found.problem})
    return Pass({"parameters": 0 if known is None else len(known.parameters)})


def template_category_fits_purpose(webhook: WebhookReceived, facts: Facts) -> Finding:
    """No template is for marketing, and those that hold a code are for `authentication` alone."""
    category = "" if facts.known_template is None else facts.known_template.category
    purpose = webhook.payload.message_purpose
    code = Purpose.AUTHENTICATION.value
    inputs: RuleInputs = {"category": category, "purpose": purpose}
    if category == MARKETING or (category == AUTHENTICATION) != (purpose == code):
        every = [each.value for each in Purpose if each.value != code]
        allowed = [] if category == MARKETING else [code] if category == AUTHENTICATION else every
        details = {"field": "message_purpose", "category": category, "allowed": allowed, "expected": allowed}
        return Objection(ErrorCode.MESSAGE_PURPOSE_NOT_ALLOWED, details, inputs)
    return Pass(inputs)


def template_is_approved(_: WebhookReceived, facts: Facts) -> Finding:
    """WhatsApp has approved the template, and no restriction of it stands."""
    known = facts.known_template
    status = "" if known is None else known.status
    if known is not None and not known.approved:
        details = {"reason": "template_not_approved", "status": status, "expected": "APPROVED"}
        return Objection(ErrorCode.POLICY_VIOLATION, details, {"status": status})
    of_template = (each for each in facts.stored.restrictions if each.kind is RestrictionKind.TEMPLATE)
    name = "" if known is None else f"{known.name}:{known.language}"
    own = (each for each in of_template if each.stands_at(facts.now) and each.subject.key.endswith(f":{name}"))
    found = next(own, None)
    if found is not None:
        details = {"reason": found.kind.value, "scope": RestrictionScope.TEMPLATE.value, "cause": found.cause}
        details |= {} if found.until is None else {"until": found.until.isoformat()}
        return Objection(ErrorCode.POLICY_VIOLATION, details, {"status": status, "restriction_id": found.id})
    return Pass({"status": status})

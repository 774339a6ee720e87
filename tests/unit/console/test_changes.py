"""The events about edits: what they contain, and that they contain no secret."""

from libs.store.accounts import Template
from services.console.domain.changes import changes_between
from tests.builders import an_account, an_integration


def test_the_record_is_told_what_changed_and_never_a_secret_or_a_text() -> None:
    old = an_integration(templates={"missed_call": Template(enabled=True, text="We missed you")})
    new = old.model_copy(
        update={
            "version": 2,
            "sealed_forward_secret": "k1:sealed",
            "forward_url": "https://pbx.example.com/hook/tok3n",
            "templates": {"missed_call": Template(enabled=True, text="We missed youu")},
        }
    )

    told = changes_between(old, new)

    assert told.keys() == {"sealed_forward_secret", "forward_url", "templates"}
    assert told["sealed_forward_secret"] == "set"
    assert told["templates"]["old"]["missed_call"]["text_length"] == 13
    assert not any(secret in repr(told) for secret in ("sealed:", "tok3n", "We missed"))


def test_two_templates_of_the_same_length_are_told_apart() -> None:
    old = an_integration(templates={"missed_call": Template(text="aaa")})
    new = old.model_copy(update={"templates": {"missed_call": Template(text="bbb")}})

    told = changes_between(old, new)["templates"]

    assert told["old"] != told["new"]


def test_of_a_new_account_everything_is_told_but_its_id_and_times() -> None:
    told = changes_between(None, an_account(name="Acme"))

    assert told["name"] == {"new": "Acme"}
    assert not told.keys() & {"id", "version", "created_at", "updated_at"}

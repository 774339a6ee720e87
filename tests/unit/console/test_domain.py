"""What operators may enter: templates, addresses, phones; and what the record is told of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.settings import SettingsError
from libs.store.accounts import Template
from services.console.domain.addresses import cidr_from, origin_of, problem_with_url
from services.console.domain.changes import changes_between
from services.console.domain.phones import e164_from
from services.console.domain.templates import VARIABLES, problem_with
from services.console.settings import ConsoleSettings
from tests.builders import an_account, an_integration


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("Hello", id="plain text"),
        pytest.param("Call {{customer_phone}} {{ queue }} {{call_time}}, {{agent_extension}}", id="the variables"),
        pytest.param("{{business_name}} {{-queue-}}", id="trimmed variables"),
        pytest.param("{ 50 % } نراك قريبا 🙂", id="any script and single braces"),
    ],
)
def test_a_template_of_text_and_variables_may_be_saved(text: str) -> None:
    assert problem_with(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ salary }}", "unknown variable {{salary}}"),
        ("{{ customer_phone.__class__ }}", "text and variables alone"),
        ("{{ 'a' * 1000000000 }}", "text and variables alone"),
        ("{{ 7 }}", "text and variables alone"),
        ("{{ customer_phone | upper }}", "text and variables alone"),
        ("{{ cycler() }}", "text and variables alone"),
        ("{% for a in queue %}{% endfor %}", "text and variables alone"),
        ("{% set queue = 1 %}", "text and variables alone"),
        ("{% include 'x' %}", "text and variables alone"),
        ("{{ customer_phone", "no valid template"),
        ("{{ }}", "no valid template"),
        ("{{" + "(" * 500, "no valid template"),
        ("{{" + "-" * 1000 + "1}}", "template"),
    ],
)
def test_a_template_that_computes_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    assert said in (problem_with(text) or "")


@given(st.text(max_size=200))
def test_a_template_without_braces_is_text(text: str) -> None:
    assert problem_with(re.sub("[{}]", "", text)) is None


@given(st.from_regex(r"\A[a-z_]{1,20}\Z"))
def test_five_variables_exist_and_no_others(name: str) -> None:
    reserved = {"true", "false", "none", "not", "and", "or", "if", "in", "is"}

    assert (problem_with(f"{{{{ {name} }}}}") is None) == (name in VARIABLES and name not in reserved)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7/32 ", "203.0.113.7"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("2001:db8::1/48", "2001:db8::/48"),
    ],
)
def test_an_allowlist_entry_has_one_normal_form(text: str, normal: str) -> None:
    assert cidr_from(text) == normal
    assert cidr_from(normal) == normal


@pytest.mark.parametrize(
    "text", ["", "10.0.0.0/33", "10.0.0", "example.com", "1.2.3.4:80", "fe80::1%eth0", "10.0.0.01"]
)
def test_anything_else_is_no_allowlist_entry_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an") as caught:
        cidr_from(text)

    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://pbx.example.com/in",
        "https://me@pbx.example.com/in",
        "https://me:pw@pbx.example.com/in",
        "https://pbx.example.com/in#top",
        "https:///in",
        "https://pbx.example.com:0/",
        "https://pbx.example.com:99999/",
        "https://[::1]/in",
        "https://[::1/in",
        "https://10.1.2.3/in",
        "https://127.1/in",
        "https://2130706433/in",
        "https://localhost/in",
        "https://pbx.localhost/in",
        "https://169.254.169.254/latest",
        "https://[fd00::1]/",
        "ftp://pbx.example.com/",
        "javascript:alert(1)",
        "//pbx.example.com/in",
        "pbx.example.com",
        "https://pbx.example.com\\@evil.example.net/",
        "https://pbx.example.com/a b",
        "https://pbx.example.com/\r\nX: y",
        "https://münchen.example/",
        "",
    ],
)
def test_such_a_url_is_not_posted_to(url: str) -> None:
    assert problem_with_url(url, private_allowed=False) is not None


@pytest.mark.parametrize("url", ["https://pbx.example.com/in?k=v", "https://pbx.example.com:8443", "https://8.8.8.8/x"])
def test_a_public_url_is_posted_to(url: str) -> None:
    assert problem_with_url(url, private_allowed=False) is None


def test_where_private_addresses_are_allowed_so_is_http_but_no_credentials() -> None:
    assert problem_with_url("http://10.1.2.3:8080/in", private_allowed=True) is None
    assert problem_with_url("http://me@10.1.2.3/in", private_allowed=True) is not None


def test_of_a_url_the_record_knows_the_host_alone() -> None:
    assert origin_of("https://pbx.example.com:8443/hook/tok3n?key=s3cret") == "https://pbx.example.com"
    assert origin_of(None) is None


@pytest.mark.parametrize(
    ("text", "region", "phone"),
    [
        ("0512345678", "SA", "+966512345678"),
        ("+966 51 234 5678", "DE", "+966512345678"),
        ("00966512345678", "SA", "+966512345678"),
        ("966512345678", "US", "+966512345678"),
        (" 966512345678", "US", "+966512345678"),
        ("1234", "DE", None),
        ("+1 555 010 9999", "US", None),
        ("anonymous", "SA", None),
        ("0512345678" * 50, "SA", None),
        ("", "SA", None),
    ],
)
def test_a_phone_is_read_by_the_accounts_region(text: str, region: str, phone: str | None) -> None:
    assert e164_from(text, region) == phone


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


ENVIRON = {
    "GATEWAY_AMQP_URL": "amqp://x",
    "GATEWAY_STORE_URL": "sqlite:///x",
    "GATEWAY_HASH_KEY": "k" * 32,
    "GATEWAY_ADMIN_TOKEN": "t" * 32,
    "GATEWAY_SECRET_KEYS": f"k1:{'A' * 43}=",
}


def test_webhook_urls_begin_with_this_machines_ingress_unless_told_otherwise() -> None:
    default = ConsoleSettings.from_environ(ENVIRON | {"GATEWAY_PORT": "8081"})
    told = ConsoleSettings.from_environ(ENVIRON | {"GATEWAY_PUBLIC_URL": "https://gateway.example.com/"})

    assert default.webhook_origin == "http://127.0.0.1:8081"
    assert told.webhook_origin == "https://gateway.example.com/"


def test_keys_that_cannot_seal_are_a_setting_at_fault_and_are_not_repeated() -> None:
    with pytest.raises(SettingsError, match="GATEWAY_SECRET_KEYS") as caught:
        ConsoleSettings.from_environ(ENVIRON | {"GATEWAY_SECRET_KEYS": "k1:too-short-a-key"})

    assert "too-short" not in str(caught.value)

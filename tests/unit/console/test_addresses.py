"""Allowlist entries and URLs that operators enter."""

import pytest

from services.console.domain.addresses import cidr_from, origin_of, url_problem


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
    assert url_problem(url, private_allowed=False) is not None


@pytest.mark.parametrize("url", ["https://pbx.example.com/in?k=v", "https://pbx.example.com:8443", "https://8.8.8.8/x"])
def test_a_public_url_is_posted_to(url: str) -> None:
    assert url_problem(url, private_allowed=False) is None


def test_where_private_addresses_are_allowed_so_is_http_but_no_credentials() -> None:
    assert url_problem("http://10.1.2.3:8080/in", private_allowed=True) is None
    assert url_problem("http://me@10.1.2.3/in", private_allowed=True) is not None


def test_of_a_url_the_record_knows_the_host_alone() -> None:
    assert origin_of("https://pbx.example.com:8443/hook/tok3n?key=s3cret") == "https://pbx.example.com"
    assert origin_of(None) is None

"""The content policy: what each sentence comes to, what the data promises, and how long a text can keep it busy."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.content_score import BLOCKED_WORD, Band, ContentAssessment, score
from services.policy.domain.phrases import stems_in, with_number_placeholder
from tests.cpu_time import Slowness
from tests.unit.policy.content import content_policy
from tests.unit.policy.corpora import corpus, digest_of

POLICY = content_policy()
DATA = corpus("../../../services/policy/domain/content.toml")
CORPUS = corpus("content_corpus.toml")
LANGUAGES = {"en", "ar", "es", "fr", "de", "pt", "it", "tr", "ur", "hi"}
RELEASED = {1: "d4ba9afdd9721e88"}
"""What each version of the policy says. A change of the rules needs a new version, and a line here."""

ORDINARY = (
    "Hello Maria, your order 12345 has shipped and will arrive on Monday between 9 and 12. You can follow it at "
    "https://example.com/track/12345. If nobody is at home, our driver will call you. Thanks, the team"
)
SENTENCES = [(band, text) for band, texts in CORPUS.items() for text in texts]


@pytest.mark.parametrize(("band", "text"), SENTENCES)
def test_a_sentence_falls_into_its_band(band: str, text: str) -> None:
    found = score(text, POLICY)

    assert found.band == band, found


def test_there_are_enough_sentences_and_none_stands_twice() -> None:
    texts = [text for _, text in SENTENCES]

    assert len(texts) == len(set(texts)) >= 150


def test_every_rule_is_met_by_a_sentence() -> None:
    met = {rule for _, text in SENTENCES for rule in score(text, POLICY).matched}

    assert met == {rule.id for rule in POLICY.rules}


def test_the_bands_are_those_of_the_policy() -> None:
    assert (POLICY.flag_from, POLICY.block_from) == (50, 80)


def test_the_policy_changes_only_with_its_version() -> None:
    rules = {key: value for key, value in DATA.items() if key != "version"}

    assert RELEASED[POLICY.version] == digest_of(rules)


def test_the_gravest_rules_speak_every_language() -> None:
    spoken = {row["id"]: set(row["phrases"]) for row in DATA["rule"] if "phrases" in row}

    partly = {rule: LANGUAGES - languages for rule, languages in spoken.items() if languages != LANGUAGES}

    assert partly == {"adult.dating": {"ur"}, "chain_letter": {"ur"}}


def test_no_rule_names_a_phrase_twice_in_a_language() -> None:
    lists = [
        phrases for row in DATA["rule"] for group in ("phrases", "near") for phrases in row.get(group, {}).values()
    ]

    assert all(len({tuple(stems_in(phrase)) for phrase in phrases}) == len(phrases) for phrases in lists)


@pytest.mark.parametrize(
    "phrases",
    [
        pytest.param(phrases, id=f"{row['id']} in {language}")
        for row in DATA["rule"]
        for language, phrases in row.get("phrases", {}).items()
    ],
)
def test_every_phrase_is_found_in_a_sentence_that_has_it(phrases: list[str]) -> None:
    assert [each for each in phrases if not list(POLICY.phrases.found_in(_masked(f"so: {each}, ok")))] == []


@pytest.mark.parametrize(
    ("blocked_words", "text", "blocked"),
    [
        pytest.param(("acme",), "Try ACME today", True, id="in any case"),
        pytest.param(("acme",), "Try Acmé!", True, id="with any accent"),
        pytest.param(("acme",), "Try 4cm3 today", True, id="with digits for letters"),
        pytest.param(("acme",), "Try ac\u200bme today", True, id="with a hidden character inside"),
        pytest.param(("acme",), "Try аcme today", True, id="with a Cyrillic letter"),
        pytest.param(("acme",), "Try a c m e today", True, id="spelt out"),
        pytest.param(("acme",), "The acmeist poets", False, id="not as part of another word"),
        pytest.param(("price list",), "our price, list it", True, id="a phrase whatever stands between its words"),
        pytest.param(("price list",), "our list price", False, id="not a phrase in another order"),
        pytest.param(("777",), "call 777 now", True, id="a number is itself"),
        pytest.param(("777",), "call 778 now", False, id="and no other"),
        pytest.param(("赌博",), "欢迎参加赌博游戏", True, id="within a text without spaces"),
        pytest.param(("كلمة",), "هذه الكلمة ممنوعة", True, id="with an Arabic article"),
        pytest.param(("", "!!!", "🙂"), "Hello!!! 🙂", False, id="a word without letters blocks nothing"),
        pytest.param((), "Try ACME today", False, id="none"),
    ],
)
def test_one_of_the_accounts_words_blocks(blocked_words: tuple[str, ...], text: str, *, blocked: bool) -> None:
    found = score(text, POLICY, blocked_words)

    assert (found.band is Band.BLOCK) == blocked
    assert (BLOCKED_WORD in found.matched) == blocked


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param("Details: HTTPS://BIT.LY/x", ("links.shortener",), id="a link in capitals"),
        pytest.param("Details: ｂｉｔ．ｌｙ/x", ("links.shortener",), id="a link in full width"),
        pytest.param("Details:(bit.ly/x).", ("links.shortener",), id="a link in brackets"),
        pytest.param("https://go.bit.ly:443/x", ("links.shortener",), id="a shortener's subdomain and port"),
        pytest.param("https://notbit.ly.example.com/x", (), id="a host that only begins like a shortener"),
        pytest.param("https://www.paypal.com/invoice", (), id="a brand's own host"),
        pytest.param("https://paypal.com.pay.example.com", ("links.brand",), id="a brand in front of another host"),
        pytest.param("https://www.faceb00k.com", ("links.brand",), id="a brand in leet"),
        pytest.param("https://аррӏе.com/pay", (), id="a host all in one other script"),
        pytest.param("https://pаypal.com", ("links.disguised",), id="a host with one foreign letter"),
        pytest.param("https://paypal.com@example.com", ("links.disguised",), id="a host in the user's place"),
        pytest.param("a.b.c d.e", (), id="dots without a link"),
    ],
)
def test_a_link_shows_what_it_is(text: str, rules: tuple[str, ...]) -> None:
    found = score(text, POLICY)

    assert tuple(rule for rule in found.matched if rule.startswith("links.")) == rules


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param("PLEASE CALL THE OFFICE TODAY", ("looks.capitals",), id="a sentence in capitals"),
        pytest.param("PLEASE CALL THE MAN", (), id="fewer than twenty capitals"),
        pytest.param("PLEASE CALL THE OFFICE TODAY or as soon as you can", (), id="capitals among small letters"),
        pytest.param("Come! Now! All! Yes!", ("looks.exclamations",), id="four exclamation marks"),
        pytest.param("Come! Now! All!", (), id="three"),
        pytest.param("👍👍👍👍👍👍", ("looks.emoji",), id="six emoji"),
        pytest.param("👍👍👍👍👍", (), id="five"),
        pytest.param("a\u200bb c\u200bd", ("disguise.hidden_characters",), id="two words with something hidden"),
        pytest.param("a\u200bb cd", (), id="one, as copying leaves it"),
        pytest.param("می\u200cخواهم می\u200cروم", (), id="the joiner of good Persian spelling"),
        pytest.param("c a s i n o", ("gambling", "disguise.words"), id="a word spelt out"),
        pytest.param("g u t e n t a g", (), id="a harmless word spelt out"),
    ],
)
def test_a_text_shows_how_it_looks(text: str, rules: tuple[str, ...]) -> None:
    assert score(text, POLICY).matched == rules


def test_the_assessment_carries_the_version_and_never_the_text() -> None:
    found = score("Play c4s1n0 with ACME", POLICY, ("acme",))

    assert found == ContentAssessment(
        risk_score=100, matched=("gambling", "disguise.words", BLOCKED_WORD), version=POLICY.version, band=Band.BLOCK
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"points": 0}, "points go from", id="no points"),
        pytest.param({"points": 101}, "points go from", id="too many points"),
        pytest.param({"points": 50, "at_most": 40}, "points go from", id="more than at most"),
        pytest.param({"feature": "weather"}, "unknown feature", id="an unknown feature"),
        pytest.param({"needs": "weather"}, "unknown feature", id="an unknown need"),
        pytest.param({"phrases": {"en": ["x"]}}, "a feature or phrases", id="both a feature and phrases"),
        pytest.param({"feature": None}, "a feature or phrases", id="neither a feature nor phrases"),
        pytest.param({"id": "links.shortener"}, "same id", id="an id that is taken"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(change: dict[str, Any], complaint: str) -> None:
    row = {"id": "new", "why": "A test.", "points": 10, "feature": "emoji"} | change

    with pytest.raises(ValueError, match=complaint):
        ContentPolicy.read_from(DATA | {"rule": [*DATA["rule"], row]})


@given(text=st.text(st.characters(), max_size=300), own=st.lists(st.text(st.characters(), max_size=8), max_size=3))
def test_every_text_gets_a_score_from_0_to_100(text: str, own: list[str]) -> None:
    found = score(text, POLICY, own)

    assert 0 <= found.risk_score <= 100
    assert (found.risk_score == 0) == (found.matched == ())


@given(text=st.sampled_from([text for _, text in SENTENCES]), more=st.sampled_from(CORPUS["block"]))
def test_saying_more_never_makes_what_is_blocked_pass(text: str, more: str) -> None:
    assert score(f"{text}\n{more}", POLICY).band is Band.BLOCK


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param("a", id="one word"),
        pytest.param("a ", id="single letters"),
        pytest.param("buy ", id="the beginning of many phrases"),
        pytest.param("send your otp ", id="a rule met over and over"),
        pytest.param("never share your ", id="a neutral phrase over and over"),
        pytest.param("1a", id="leet without end"),
        pytest.param("c4s1n0 ", id="disguises"),
        pytest.param("a.", id="a host without end"),
        pytest.param("a.b-", id="a host that never ends right"),
        pytest.param("https://", id="schemes alone"),
        pytest.param("http://a@", id="users without end"),
        pytest.param("bit.ly/a ", id="links"),
        pytest.param("x\u200b", id="hidden characters"),
        pytest.param("\u200b", id="nothing but hidden characters"),
        pytest.param("aа", id="mixed scripts"),
        pytest.param("e\u0301\u0323", id="accents out of order"),
        pytest.param("\ufdfa", id="letters that decompose into eighteen"),
        pytest.param("🛑", id="emoji"),
        pytest.param("!", id="exclamation marks"),
    ],
)
def test_a_hostile_text_takes_time_in_proportion_to_its_length(unit: str) -> None:
    short, long = (unit * 40_000)[:4_096], (unit * 40_000)[: 4_096 * 8]

    ratio = _fastest(long) / _fastest(short)

    assert ratio < 8 * 3  # proportion gives 8, a square 64


def test_an_ordinary_message_is_judged_faster_than_it_is_published() -> None:
    slowness = Slowness()
    assert _fastest(ORDINARY, tries=200) < slowness.scaled(
        0.000_5
    )  # a publish takes 135 µs; unloaded it is a third of that


def _fastest(text: str, *, tries: int = 5) -> float:
    def once() -> float:
        begun = time.thread_time()
        score(text, POLICY, ("acme", "price list"))
        return time.thread_time() - begun

    return min(once() for _ in range(tries))


def _masked(text: str) -> list[str]:
    return with_number_placeholder(stems_in(text))

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.dialog.audience import DEEPEST, LONGEST, MOST_TERMS, parse, show, split
from handlers.dialog.text import fold
from storage.audience import All, And, Audience, Field, Not, Or, Platform, Term
from storage.errors import BadAudience

if TYPE_CHECKING:
    from collections.abc import Callable

NIMA, DONOR, MEDIA = Platform("nima"), Term("type", "donor"), Term("type", "media")


@pytest.mark.parametrize(
    ("text", "tree", "canonical"),
    [
        ("", All(), "all"),
        ("  \n", All(), "all"),
        ("ALL", All(), "all"),
        ("(all)", All(), "all"),
        ("Nima", NIMA, "nima"),
        ("NIMA AND Type:Donor", And((NIMA, DONOR)), "nima and type:donor"),
        ("nima and type: donor", And((NIMA, DONOR)), "nima and type:donor"),
        ("not nima", Not(NIMA), "not nima"),
        ("not not nima", Not(Not(NIMA)), "not not nima"),
        ("nima or type:donor and type:media", Or((NIMA, And((DONOR, MEDIA)))), None),
        ("nima and type:donor or type:media", Or((And((NIMA, DONOR)), MEDIA)), None),
        ("(nima or type:donor)and(type:media)", And((Or((NIMA, DONOR)), MEDIA)), "*"),
        ("nima and type:donor and type:media", And((NIMA, DONOR, MEDIA)), None),
        ("(nima and type:donor) and type:media", And((And((NIMA, DONOR)), MEDIA)), None),
        ("nima or (type:donor or type:media)", Or((NIMA, Or((DONOR, MEDIA)))), None),
        ("not (nima or type:donor)", Not(Or((NIMA, DONOR))), None),
        ("not nima and type:donor", And((Not(NIMA), DONOR)), None),
        ('org:"Water  Aid"', Term("org", "water aid"), 'org:"water aid"'),
        ("org:\u201cCrème & Co\u201d", Term("org", "creme & co"), 'org:"creme & co"'),
        ("org:\u00abWomen\u2019s\u00bb", Term("org", "women's"), "org:women's"),
        (r'org:"the \"hub\" \\ lab"', Term("org", r'the "hub" \ lab'), None),
        ("sector:civil", Term("sector", "civil"), None),
        ("lang:FR", Term("lang", "fr"), "lang:fr"),
        ("role:coordinator", Term("role", "coordinator"), None),
        ("channel:sms", Term("channel", "sms"), None),
        ('type:"water users"', Term("type", "water users"), None),
        ("type:and", Term("type", "and"), None),
        (
            '"and" or "type" or "all"',
            Or((Platform("and"), Platform("type"), Platform("all"))),
            None,
        ),
        ("media", Platform("media"), None),
        ("role", Platform("role"), '"role"'),
        ("\u200fnima\u200e", NIMA, "nima"),
        ("nouvelle-ville_2/b", Platform("nouvelle-ville_2/b"), None),
        ("ኒማ and मीडिया", And((Platform("ኒማ"), Platform("मीडिया"))), None),
    ],
)
def test_parse_and_show(text: str, tree: Audience, canonical: str | None) -> None:
    """`not` binds tighter than `and`, `and` tighter than `or`; brackets and quotes are kept to."""
    assert parse(text) == tree
    expected = {None: text, "*": "(nima or type:donor) and type:media"}.get(canonical, canonical)
    assert show(tree) == expected
    assert parse(show(tree)) == tree


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("nima)", "at ')'"),
        ("nima type:donor", "at 'type:donor'"),
        ("nima, jamestown", "at ', jamestown'"),
        ("and nima", "at 'and nima'"),
        ("nima or or x", "at 'or x'"),
        ("()", "at ')'"),
        ("nima foo:bar", "at 'foo:bar'"),
        ("nima or foo:bar", "at 'foo:bar'. A term begins with type:, sector:"),
        ('"type":donor', "at ':donor'"),
        ("type::donor", "at ':donor'"),
        ("type:(donor)", "at '(donor)'"),
        ('org:""', "at '\"\"'"),
        ('org:" "', "at '\" \"'"),
        ("org:\u0301", "at '\u0301'"),
        ('org:"Water', "at '\"Water'"),
        ("nima and", "something is missing at its end"),
        ("(nima", "something is missing at its end"),
        ("not", "something is missing at its end"),
        ("type:", "something is missing at its end"),
        ("nima and a-name-that-is-far-too-long b", "at 'b'"),
        ("x (a-name-that-is-far-too-long)", "at '(a-name-that-is-far-t...'"),
    ],
)
def test_parse_says_where(text: str, where: str) -> None:
    """A refusal shows the place from which the expression can't be read."""
    with pytest.raises(BadAudience) as caught:
        parse(text)
    assert where in str(caught.value)
    assert len(str(caught.value)) <= 160


@pytest.mark.parametrize(
    ("build", "most", "reason"),
    [
        (lambda n: " " * (n - 4) + "nima", LONGEST, "2,000 characters"),
        (lambda n: " or ".join("nima" for _ in range(n)), MOST_TERMS, "200 at most"),
        (lambda n: "(" * n + "nima" + ")" * n, DEEPEST, "50 brackets"),
        (lambda n: "not " * n + "nima", DEEPEST, "50 brackets"),
        # One character that folds to 18.
        (lambda n: f"org:{'ﷺ' * n}", 110, "shorter names"),
    ],
)
def test_limits(build: Callable[[int], str], most: int, reason: str) -> None:
    """Length, terms and nesting are bounded, and what fits can be shown and read again."""
    tree = parse(build(most))
    assert parse(show(tree)) == tree
    with pytest.raises(BadAudience, match=reason):
        parse(build(most + 1))


@pytest.mark.parametrize("text", ["(" * 5_000, "not " * 5_000, "(" * 1_900, "not(" * 480])
def test_brackets_never_exhaust_the_stack(text: str) -> None:
    """Thousands of brackets are a refusal like any other."""
    with pytest.raises(BadAudience):
        parse(text)


@pytest.mark.parametrize(
    ("text", "audience", "rest"),
    [
        ("all: Hello: you", "all", "Hello: you"),
        ("nima and type:donor: Water at 10:30", "nima and type:donor", "Water at 10:30"),
        ("type: donor: text", "type: donor", "text"),
        ('org:"A: B" or "x:y":text', 'org:"A: B" or "x:y"', "text"),
        ("\u201ca: b\u201d : \u201ctext\u201d", "\u201ca: b\u201d", "\u201ctext\u201d"),
        ("nima, osu: text", "nima, osu", "text"),
        ("Lang:fr:\ntwo\nlines", "Lang:fr", "two\nlines"),
        (": text", "", "text"),
        ("nima:", "nima", ""),
        ("\u200fnima\u200f: text\u200f", "\u200fnima\u200f", "text\u200f"),
    ],
)
def test_split(text: str, audience: str, rest: str) -> None:
    """The audience ends at the first colon that no term needs; the text stays untouched."""
    assert split(text) == (audience, rest)


@pytest.mark.parametrize(
    "text", ["", "nima", "type:donor", "type:", '"a: b"', "nima and type:donor text"]
)
def test_split_needs_its_colon(text: str) -> None:
    """Without that colon it can't be told what to send."""
    with pytest.raises(BadAudience, match="Write a colon"):
        split(text)


def test_odd_trees_are_shown_as_what_they_mean() -> None:
    """No part at all is everybody for `and`, nobody for `or`; one part is that part."""
    assert show(And(())) == "all"
    assert show(Or(())) == "not all"
    assert show(Or((NIMA,))) == "nima"


def test_show_refuses_what_is_no_tree() -> None:
    """A kind of tree that is not known is a fault, never an empty audience."""
    with pytest.raises(AssertionError):
        show("nima")  # type: ignore[arg-type]


def as_code(text: str) -> str:
    """Return the text as a code that the database could have, without signs that are folded."""
    kept = "".join(
        c
        for c in text.casefold()
        if c.isprintable() and c not in "\u201c\u201d\u201e\u201f\u2033«»"
    )
    return " ".join(kept.split())


CODES = st.text(min_size=1, max_size=8).map(as_code).filter(bool)
KEYS = st.text(min_size=1, max_size=8).map(fold).filter(bool)


def terms(field: Field) -> st.SearchStrategy[Audience]:
    """Return terms of a field."""
    return st.builds(Term, st.just(field), KEYS if field == "org" else CODES)


LEAVES: st.SearchStrategy[Audience] = st.one_of(
    st.just(All()),
    st.builds(Platform, CODES | st.sampled_from(["and", "all", "type", 'a"b', "a\\"])),
    st.sampled_from(get_args(Field)).flatmap(terms),
)


def branches(children: st.SearchStrategy[Audience]) -> st.SearchStrategy[Audience]:
    """Return trees of these trees."""
    parts = st.lists(children, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, children) | st.builds(And, parts) | st.builds(Or, parts)


@given(st.recursive(LEAVES, branches, max_leaves=12))
@settings(max_examples=200)
def test_every_tree_is_read_back(tree: Audience) -> None:
    """What is shown of any tree parses to an equal tree."""
    assert parse(show(tree)) == tree


@given(
    st.lists(
        st.sampled_from(
            ["nima", "type:x", "org:", '"', "a b", "(", ")", "and", "or", "not", "all", ":", ","]
        )
        | st.text(max_size=3),
        max_size=8,
    ).map(" ".join)
)
@settings(max_examples=200)
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes it fail otherwise; what is read can be shown and read again."""
    try:
        tree = parse(text)
    except BadAudience:
        return
    assert parse(show(tree)) == tree

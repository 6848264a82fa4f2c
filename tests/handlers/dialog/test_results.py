from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.dialog.forms import Form, Option, Question
from handlers.dialog.results import Group, Result, dump, load, result, say, shows, suppress

SMALLEST = 5
SECTORS = ("civil", "private", "public", "not said")


def form(privacy="anonymous"):
    """Return a poll of two options."""
    return Form(
        name="poll",
        privacy=privacy,
        questions=(
            Question(
                kind="choice",
                text={"en": "Which first?", "sw": "Kipi kwanza?"},
                options=(
                    Option(value="1", text={"en": "Taps", "sw": "Mabomba"}),
                    Option(value="2", text={"en": "Price"}),
                ),
            ),
        ),
    )


counts = st.dictionaries(st.sampled_from("123"), st.integers(0, 7), max_size=3)
tables = st.dictionaries(st.sampled_from(SECTORS), counts, max_size=4)


def added(many):
    """Return the sum of groups."""
    found = {}
    for one in many:
        for value, count in one.items():
            found[value] = found.get(value, 0) + count
    return {value: count for value, count in found.items() if count}


def less(whole, part):
    """Return what is left of answers without some."""
    return {v: n - part.get(v, 0) for v, n in whole.items() if n > part.get(v, 0)}


def size(one):
    """Return how many answered."""
    return sum(one.values())


def parts(whole, of):
    """Every way to choose so many answers out of these."""
    values = sorted(whole)
    for chosen in product(*(range(whole[value] + 1) for value in values)):
        if sum(chosen) == of:
            yield {v: n for v, n in zip(values, chosen, strict=True) if n}


def outcomes(whole, sizes):
    """Every table of groups of these sizes that the attacker can't tell from the real one."""
    if not sizes:
        return [()]
    return [
        (first, *rest)
        for first in parts(whole, sizes[0])
        for rest in outcomes(less(whole, first), sizes[1:])
    ]


@given(tables)
def test_no_group_too_small_or_all_alike_is_ever_shown(groups):
    """A group's figures are shown only if 5 or more answered, and not all alike."""
    for group in suppress(groups, SMALLEST):
        if group.counts is not None:
            assert size(group.counts) >= SMALLEST
            assert len([n for n in group.counts.values() if n]) > 1
            assert group.counts == groups[group.name]


@given(tables)
def test_what_is_hidden_can_be_shown_together_or_all_is_hidden(groups):
    """Totals less the shown groups is the hidden sum: it must be fit to show, or be the total."""
    found = suppress(groups, SMALLEST)
    hidden = [groups[group.name] for group in found if group.counts is None]
    if hidden and len(hidden) < len(found):
        assert shows(added(hidden), SMALLEST)


@given(tables)
def test_a_group_is_hidden_only_where_something_must_be(groups):
    """Where every group may be shown none is hidden, so hiding everything is no way out."""
    found = suppress(groups, SMALLEST)
    if all(shows(one, SMALLEST) for one in groups.values() if size(one)):
        assert [group for group in found if group.counts is None] == []


@given(tables)
def test_nobody_can_work_out_a_hidden_group(groups):
    """Knowing totals, shown groups and who answered, each hidden group may be several ways."""
    found = suppress(groups, SMALLEST)
    hidden = [added([groups[group.name]]) for group in found if group.counts is None]
    if not hidden or len(hidden) == len(found):
        return
    whole = added(groups.values())
    for group in found:
        if group.counts is not None:
            whole = less(whole, group.counts)
    possible = outcomes(whole, [size(one) for one in hidden])
    for position, one in enumerate(hidden):
        assert len({tuple(sorted(table[position].items())) for table in possible}) > 1, one


@given(tables)
def test_whoever_is_in_a_small_group_learns_of_no_other_group(groups):
    """Those of one small group take their answers away: what is left may be shown itself."""
    found = suppress(groups, SMALLEST)
    hidden = [group.name for group in found if group.counts is None]
    if not hidden or len(hidden) == len(found):
        return
    for own in hidden:
        if size(groups[own]) < SMALLEST:
            others = added(groups[name] for name in hidden if name != own)
            assert shows(others, SMALLEST)


@given(tables)
def test_the_last_of_a_small_group_can_not_be_worked_out(groups):
    """Who knows all of a small group but one person does not learn that person's choice."""
    found = suppress(groups, SMALLEST)
    hidden = {group.name for group in found if group.counts is None}
    if not hidden or len(hidden) == len(found):
        return
    for own in hidden:
        if size(groups[own]) >= SMALLEST:
            continue
        others = added(groups[name] for name in hidden if name != own)
        for choice in (value for value, count in groups[own].items() if count):
            # Left over for the attacker: the one person and the other hidden groups.
            left = added([others, {choice: 1}])
            assert len([value for value in left if value != choice]) >= 1


@given(tables, st.randoms())
def test_the_same_figures_are_hidden_every_time(groups, random):
    """Suppression does not depend on the order in which the groups come."""
    names = list(groups)
    random.shuffle(names)
    assert suppress({name: groups[name] for name in names}, SMALLEST) == suppress(groups, SMALLEST)


@pytest.mark.parametrize(
    ("groups", "shown"),
    [
        ({}, {}),
        ({"civil": {"1": 3, "2": 2}}, {"civil": {"1": 3, "2": 2}}),
        ({"civil": {"1": 5}}, {"civil": None}),
        ({"civil": {"1": 3, "2": 1}}, {"civil": None}),
        ({"civil": {"1": 3, "2": 2}, "public": {}}, {"civil": {"1": 3, "2": 2}}),
        ({"civil": {"1": 3, "2": 2}, "public": {"1": 0}}, {"civil": {"1": 3, "2": 2}}),
        # One hidden group alone is the totals less the rest, so another goes with it.
        ({"civil": {"1": 9, "2": 9}, "private": {"1": 4, "2": 4}, "public": {"1": 1}},
         {"civil": {"1": 9, "2": 9}, "private": None, "public": None}),
        # Two small groups know each other's answers if nothing else is hidden with them.
        ({"civil": {"1": 9, "2": 9}, "private": {"1": 2}, "public": {"1": 1, "2": 3}},
         {"civil": None, "private": None, "public": None}),
        # The small groups' sum is all alike.
        ({"civil": {"1": 9, "2": 9}, "private": {"1": 3}, "public": {"1": 3}},
         {"civil": None, "private": None, "public": None}),
    ],
)  # fmt: skip
def test_groups_by_hand(groups, shown):
    """Small groups, groups all alike, one group only, groups of whom nobody answered."""
    assert {group.name: group.counts for group in suppress(groups, SMALLEST)} == shown


@pytest.mark.parametrize(
    ("privacy", "given_", "shown"),
    [
        ("anonymous", {"1": 4}, None),
        ("anonymous", {}, None),
        ("anonymous", {"1": 4, "2": 1}, {"1": 4, "2": 1}),
        ("anonymous", {"2": 5}, {"1": 0, "2": 5}),
        ("counted", {"1": 1}, {"1": 1, "2": 0}),
        ("named", {"1": 1}, {"1": 1, "2": 0}),
        ("named", {"9": 1}, {"1": 0, "2": 0, "9": 1}),
    ],
)
def test_totals_of_an_anonymous_round_are_hidden_under_five(privacy, given_, shown):
    """Totals stand for every option, and only an anonymous round hides few of them."""
    found = result(form(privacy), 0, given_, None, SMALLEST)
    assert (found.answers, found.counts, found.groups) == (sum(given_.values()), shown, ())


def test_hidden_totals_come_without_groups():
    """Nothing by group is told where the totals are not."""
    found = result(form(), 0, {"1": 3, "2": 1}, {"civil": {"1": 3, "2": 1}}, SMALLEST)
    assert found == Result(4, None, ())


def test_results_are_kept_as_they_were_computed():
    """What is stored with a closed round is what is shown ever after."""
    computed = [
        result(form(), 0, {"1": 5, "2": 5}, {"civil": {"1": 4, "2": 4}, "": {"1": 2}}, SMALLEST),
        Result(2, None, ()),
        Result(7, {"1": 7}, (Group("civil", {"1": 5, "2": 2}), Group("public", None))),
    ]
    assert load(dump(computed)) == computed


@pytest.mark.parametrize(
    ("found", "closed", "language", "text"),
    [
        (Result(3, None), True, "en",
         "P1: Which first? Fewer than 5 answered, so that no figures are shown."),
        (Result(6, {"1": 4, "2": 2}), True, "en",
         "Result P1: Which first? Taps 4, Price 2. 6 answered. Thank you."),
        (Result(6, {"1": 4, "2": 2}), False, "en",
         "So far P1: Which first? Taps 4, Price 2. 6 answered."),
        (Result(6, {"1": 4, "9": 2}), False, "sw",
         "So far P1: Kipi kwanza? Mabomba 4, 9 2. 6 answered."),
    ],
)  # fmt: skip
def test_what_a_phone_is_told(found, closed, language, text):
    """A result names the question and each option's count, in the person's language."""
    assert say(form(), "P1", found, language, closed=closed, smallest=5) == text

"""The laws of cards over random histories, and what each change refuses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cards.model import card as model
from shared.cards.model import tries
from shared.cards.model.card import MOST_ON_CARD, Card, Cause, Spend
from shared.cards.model.ledger import LATE, CardDrift, Entry, drifts, missing
from shared.errors import (
    CardNotUsable,
    CardShort,
    CardSpent,
    Conflict,
    InvalidRequest,
    InvalidTransition,
    Refusal,
    TooManyTries,
)

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)


def card(**fields: Any) -> Card:
    values: dict[str, Any] = {
        "card_id": "a",
        "kind": "gift_card",
        "currency": "USD",
        "balance": 5000,
        "loaded": 5000,
        "state": "active",
        "suffix": "9V3C",
        "issued_at": NOW,
        "version": 1,
    }
    return Card(**(values | fields))


ACTIONS = st.one_of(
    st.tuples(st.just("load"), st.integers(0, 1), st.integers(1, 6000)),
    st.tuples(st.just("adjust"), st.integers(0, 1), st.integers(-6000, 6000)),
    st.tuples(st.just("transfer"), st.integers(0, 1), st.integers(1, 6000)),
    st.tuples(st.just("replace"), st.integers(0, 1), st.just(0)),
    st.tuples(st.sampled_from(["block", "unblock", "activate"]), st.integers(0, 1), st.just(0)),
)


def after(action: str, cards: list[Card], which: int, amount: int, number: int) -> list[Card]:
    """The two cards after the action; a replacement takes the place of its card."""
    one = cards[which]
    match action:
        case "load":
            changed = [model.load(one, amount, "USD", NOW)]
        case "adjust":
            changed = [model.adjust(one, amount, "USD")]
        case "block":
            changed = [model.block(one, "lost", NOW)]
        case "unblock":
            changed = [model.unblock(one, NOW)]
        case "activate":
            changed = [model.activate(one, NOW)]
        case "replace":
            new = card(card_id=f"new-{number}", balance=0, loaded=0, version=0)
            ended, begun = model.replacement(one, new, NOW)
            assert (ended.balance, ended.state) == (0, "replaced")
            changed = [begun]
        case _:
            changed = model.transfer(one, cards[1 - which], amount, "USD", NOW)
    return [*changed, *([cards[1 - which]] if len(changed) == 1 else [])]


@given(st.lists(ACTIONS, max_size=30))
def test_changes_by_staff_conserve_money_and_never_go_below_zero(
    actions: list[tuple[str, int, int]],
) -> None:
    cards = [card(), card(card_id="b", state="inactive")]
    added = 10_000
    for number, (action, which, amount) in enumerate(actions):
        before = sum(one.balance for one in cards)
        try:
            cards = after(action, cards, which, amount, number)
        except Refusal:
            continue
        total = sum(one.balance for one in cards)
        assert total - before == (amount if action in {"load", "adjust"} else 0)
        added += amount if action in {"load", "adjust"} else 0
        assert total == added
        assert min(min(one.balance, one.available) for one in cards) >= 0
        assert all(one.balance == one.loaded for one in cards), "nothing was spent"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"state": "inactive"}, "inactive"),
        ({"state": "blocked"}, "blocked"),
        ({"state": "replaced"}, "replaced"),
        ({"expires_at": NOW}, "expired"),
        ({"currency": "EUR"}, "currency"),
        ({"pin_hash": "other"}, "wrong_pin"),
    ],
)
def test_a_card_that_cannot_be_used_answers_alike_whatever_the_reason(
    fields: dict[str, Any], reason: str
) -> None:
    """Setono/SyliusGiftCardPlugin#297, #45: answers told whether a code exists or has expired."""
    refusals = []
    for one in (card(**fields), None):
        with pytest.raises(CardNotUsable) as refused:
            model.explain(one, Spend("a", 9999, "USD", "pin"), NOW)
        refusals.append(refused.value)
    assert refusals[0].reason == reason
    assert [refusal.reason for refusal in refusals] == [reason, "unknown"]
    assert refusals[0].detail == refusals[1].detail
    assert refusals[0].data == refusals[1].data == {}
    assert refusals[0].with_reason().data == {"reason": reason}


def test_a_short_card_says_what_is_left_and_held_money_is_not() -> None:
    with pytest.raises(CardShort) as refused:
        model.explain(card(held=1200), Spend("a", 4000, "USD"), NOW)
    assert refused.value.data == {"available": 3800, "currency": "USD", "suffix": "9V3C"}
    model.explain(card(), Spend("a", 5000, "USD"), NOW)


@pytest.mark.parametrize(
    ("state", "refused"),
    [("blocked", True), ("replaced", True), ("inactive", False), ("active", False)],
)
def test_only_a_card_that_can_pay_again_is_loaded(state: Any, refused: bool) -> None:
    if refused:
        with pytest.raises(InvalidTransition):
            model.load(card(state=state), 1, "USD", NOW)
    else:
        assert model.load(card(state=state), 1, "USD", NOW).balance == 5001


def test_loads_have_a_limit_one_currency_and_an_end() -> None:
    with pytest.raises(InvalidRequest):
        model.load(card(), MOST_ON_CARD, "USD", NOW)
    with pytest.raises(InvalidRequest):
        model.load(card(), 1, "EUR", NOW)
    with pytest.raises(InvalidTransition):
        model.load(card(expires_at=NOW), 1, "USD", NOW)


def test_a_block_ends_with_the_state_before_it() -> None:
    """An inactive card that is blocked and unblocked is not paid for, either."""
    for state in ("inactive", "active"):
        blocked = model.block(card(state=state), "stolen", NOW)
        assert (blocked.state, blocked.state_at(NOW)) == ("blocked", "blocked")
        assert model.unblock(blocked, NOW).state == state
    with pytest.raises(InvalidTransition):
        model.unblock(card(state="blocked", block_reason="returned"), NOW)


def test_a_replacement_keeps_expiry_and_spending_and_needs_a_new_pin() -> None:
    old = card(
        balance=3000,
        expires_at=NOW + timedelta(days=9),
        pin_hash="x",
        state="blocked",
        state_before="active",
    )
    new = card(card_id="n", balance=0, loaded=0, pin_hash="y", version=0)
    ended, begun = model.replacement(old, new, NOW)
    assert (ended.balance, ended.replaced_by) == (0, "n")
    assert (begun.balance, begun.loaded, begun.state) == (3000, 5000, "active")
    assert (begun.expires_at, begun.pin_hash) == (old.expires_at, "y")
    with pytest.raises(InvalidRequest):
        model.replacement(old, replace(new, pin_hash=None), NOW)
    with pytest.raises(InvalidRequest):
        model.replacement(replace(old, expires_at=NOW), new, NOW)
    with pytest.raises(Conflict):
        model.replacement(replace(old, held=1), new, NOW)
    with pytest.raises(InvalidTransition):
        model.replacement(ended, new, NOW)
    refunded = replace(ended, balance=700)
    assert model.replacement(refunded, new, NOW)[1].balance == 700


@pytest.mark.parametrize("fields", [{"balance": 4999}, {"held": 1}, {"loaded": 6000}])
def test_a_sold_card_comes_back_unused_or_not_at_all(fields: dict[str, Any]) -> None:
    """Setono/SyliusGiftCardPlugin#236: a bought card was refunded after it had been used."""
    with pytest.raises(CardSpent) as refused:
        model.explain_return(card(**fields), 5000)
    assert refused.value.data["balance"] == fields.get("balance", 5000)
    model.explain_return(card(), 5000)


def entry(version: int, delta: int, held_delta: int, balance: int, held: int) -> Entry:
    return Entry("a", version, "spent", delta, held_delta, balance, held, NOW, Cause("c", "t"), "x")


LEDGER = [
    entry(1, 5000, 0, 5000, 0),
    entry(2, -1000, 0, 4000, 0),
    entry(3, 0, 500, 4000, 500),
    entry(4, -500, -500, 3500, 0),
]
AUDITED = card(balance=3500, version=4)


def test_the_audit_finds_what_does_not_add_up() -> None:
    late = NOW + LATE * 2
    assert drifts(AUDITED, 3500, NOW, LEDGER, late) == []
    assert drifts(AUDITED, 3400, NOW, LEDGER, late) == [CardDrift("a", "available", 3400, 3500)]
    wrong = replace(AUDITED, balance=3600)
    assert drifts(wrong, 3600, NOW, LEDGER, late) == [CardDrift("a", "balance", 3600, 3500)]
    held = replace(AUDITED, held=100)
    assert drifts(held, 3400, NOW, LEDGER, late) == [CardDrift("a", "held", 100, 0)]
    assert drifts(AUDITED, 3500, NOW, LEDGER[:3], late) == [CardDrift("a", "ledger", 3, 4)]
    assert drifts(AUDITED, 3500, NOW, LEDGER[:3], NOW) == [], "the stream may be behind"
    newer = [*LEDGER, entry(5, 1, 0, 3501, 0)]
    assert drifts(AUDITED, 3500, NOW, newer, late) == [], "the card was read before"
    below = replace(AUDITED, balance=-1)
    assert CardDrift("a", "negative", -1, 0) in drifts(below, -1, NOW, LEDGER, late)


@pytest.mark.parametrize("gone", [1, 2, 3, 4])
def test_a_missing_entry_follows_from_its_neighbours(gone: int) -> None:
    rest = [one for one in LEDGER if one.version != gone]
    (filled,) = missing(AUDITED, LEDGER[3], rest)
    lost = LEDGER[gone - 1]
    assert (filled.version, filled.delta, filled.held_delta) == (gone, lost.delta, lost.held_delta)
    assert (filled.balance, filled.held) == (lost.balance, lost.held)
    assert (
        drifts(
            AUDITED, 3500, NOW, sorted([*rest, filled], key=lambda one: one.version), NOW + LATE * 2
        )
        == []
    )


def test_two_missing_neighbours_are_not_made_up() -> None:
    assert missing(AUDITED, LEDGER[3], [LEDGER[0], LEDGER[3]]) == []


def test_a_subject_has_10_tries_in_15_minutes_and_100_in_30_days() -> None:
    minute = timedelta(minutes=1)
    known = [NOW + minute * number for number in range(9)]
    tries.check(known, NOW + 9 * minute)
    with pytest.raises(TooManyTries) as refused:
        tries.check([*known, NOW + 9 * minute], NOW + 10 * minute)
    assert refused.value.data["retry_after_seconds"] == 300
    tries.check([*known, NOW + 9 * minute], NOW + 15 * minute)
    month = [NOW + timedelta(hours=number) for number in range(100)]
    with pytest.raises(TooManyTries):
        tries.check(month, NOW + timedelta(days=29))
    tries.check(tries.kept(month, NOW + timedelta(days=30)), NOW + timedelta(days=30))
    tries.check_client(tries.MOST_OF_CLIENT - 1, NOW)
    with pytest.raises(TooManyTries) as all_of_client:
        tries.check_client(tries.MOST_OF_CLIENT, NOW)
    assert 0 < all_of_client.value.data["retry_after_seconds"] <= 900

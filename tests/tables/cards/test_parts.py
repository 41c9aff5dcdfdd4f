"""The parts of transactions against a model: what each does to a card, and what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.aws.dynamodb import Part
from shared.cards import issuing, store
from shared.cards.model.card import Card, Spend
from shared.cards.store import hashing, parts
from shared.errors import CardNotUsable, CardShort, CardSpent
from tests.support.cards import CAUSE, NOW, asked, assert_laws, issued, items, spend_of, written

pytestmark = pytest.mark.usefixtures("fake_tables")


def state(card: Card) -> tuple[int, int, str, int]:
    found = store.find(card.card_id)
    return found.balance, found.held, found.state, found.version


def test_an_order_spends_and_gives_back() -> None:
    card, _ = issued(5000)
    assert not written(parts.spend_part(spend_of(card, 1200), CAUSE, NOW))
    assert state(card) == (3800, 0, "active", 2)
    assert not written(parts.refund_part(card.card_id, 1200, CAUSE, NOW))
    assert state(card) == (5000, 0, "active", 3)
    assert store.find(card.card_id).loaded == 5000
    assert_laws(ledger=False)


def test_a_hold_keeps_an_amount_until_it_is_spent_or_released() -> None:
    card, _ = issued(5000)
    assert not written(parts.hold_part(spend_of(card, 3000), CAUSE, NOW))
    assert state(card) == (5000, 3000, "active", 2)
    (refused,) = written(parts.spend_part(spend_of(card, 2001), CAUSE, NOW))
    with pytest.raises(CardShort) as short:
        parts.explain_refusal(refused.item, spend_of(card, 2001), NOW)
    assert short.value.data["available"] == 2000
    assert not written(parts.spend_held_part(card.card_id, 1000, CAUSE, NOW))
    assert not written(parts.release_part(card.card_id, 2000, CAUSE, NOW))
    assert state(card) == (4000, 0, "active", 4)
    assert written(parts.release_part(card.card_id, 1, CAUSE, NOW))
    assert written(parts.spend_held_part(card.card_id, 1, CAUSE, NOW))
    assert_laws(ledger=False)


def test_a_hold_outlives_the_expiry_and_a_block_of_its_card() -> None:
    """PrestaShop/PrestaShop#37117: what expires while somebody pays."""
    card, _ = issued(5000, expires_at=NOW + timedelta(minutes=1))
    assert not written(parts.hold_part(spend_of(card, 3000), CAUSE, NOW))
    later = NOW + timedelta(minutes=2)
    assert written(parts.spend_part(spend_of(card, 1), CAUSE, later))
    assert not written(parts.spend_held_part(card.card_id, 3000, CAUSE, later))
    assert state(card)[:2] == (2000, 0)


@pytest.mark.parametrize(
    ("fields", "spend", "reason"),
    [
        ({"state": "inactive"}, {}, "inactive"),
        ({"expires_at": NOW}, {}, "expired"),
        ({}, {"currency": "EUR"}, "currency"),
        ({"pin": "123456"}, {"pin_hash": None}, "wrong_pin"),
        ({"pin": "123456"}, {"pin_hash": "another"}, "wrong_pin"),
    ],
)
@pytest.mark.parametrize("part", [parts.spend_part, parts.hold_part])
def test_a_card_refuses_what_it_cannot_pay(
    part: Callable[..., Part], fields: dict[str, Any], spend: dict[str, Any], reason: str
) -> None:
    request = asked()
    code = hashing.new_code(request.name, request.digest)
    card = issuing.new_card(code, "gift_card", "USD", 5000, NOW, **fields)
    assert not written(parts.issue_part(card, CAUSE, NOW))
    wanted = spend_of(card, 100, **spend)
    (refused,) = written(part(wanted, CAUSE, NOW))
    with pytest.raises(CardNotUsable) as why:
        parts.explain_refusal(refused.item, wanted, NOW)
    assert why.value.reason == reason
    assert state(card)[0] == 5000


def test_the_right_pin_pays_and_an_unknown_card_does_not() -> None:
    card, _ = issued(5000, pin="123456")
    assert card.pin_hash is not None
    assert card.pin_hash == hashing.pin_hash_of(card.card_id, "123456")
    assert not written(parts.spend_part(spend_of(card, 100), CAUSE, NOW))
    nobody = Spend("nobody", 100, "USD")
    (refused,) = written(parts.spend_part(nobody, CAUSE, NOW))
    with pytest.raises(CardNotUsable):
        parts.explain_refusal(refused.item, nobody, NOW)
    assert written(parts.refund_part("nobody", 100, CAUSE, NOW))
    with pytest.raises(ValueError, match="above 0"):
        parts.spend_part(spend_of(card, 0), CAUSE, NOW)


@pytest.mark.parametrize("stored", ["inactive", "blocked", "replaced"])
def test_a_refund_arrives_in_whatever_state_the_card_is(stored: Any) -> None:
    """nopSolutions/nopCommerce#1986: a refund did not restore the balance."""
    card, _ = issued(5000)
    changed = store.changed_part(
        card, replace(card, state=stored), store.last_of("blocked", CAUSE, NOW)
    )
    assert not written(
        changed,
    )
    assert not written(parts.refund_part(card.card_id, 100, CAUSE, NOW))
    assert state(card) == (5100, 0, stored, 3)


def test_a_refund_to_a_replaced_card_is_moved_by_replacing_it_again() -> None:
    card, _ = issued(5000)
    for amount in (0, 700):
        if amount:
            assert not written(parts.refund_part(card.card_id, amount, CAUSE, NOW))
        request = asked()
        code = hashing.new_code(request.name, request.digest)
        new = issuing.new_card(code, "gift_card", "", 0, NOW)
        _, new_id = issuing.replace_card(card.card_id, new, CAUSE, request, NOW)
        assert store.find(new_id).balance == (amount or 5000)
    assert state(card)[:3] == (0, 0, "replaced")
    assert assert_laws(ledger=False) == {"USD": 5700}


def test_a_sold_card_is_activated_once_and_taken_back_only_unused() -> None:
    """Setono/SyliusGiftCardPlugin#236: a bought card was refunded after it had been used."""
    card, _ = issued(5000, state="inactive")
    assert not written(parts.activate_part(card.card_id, CAUSE, NOW))
    assert written(parts.activate_part(card.card_id, CAUSE, NOW))
    assert not written(parts.spend_part(spend_of(card, 1), CAUSE, NOW))
    (refused,) = written(parts.block_and_empty_part(card.card_id, 5000, CAUSE, NOW))
    with pytest.raises(CardSpent) as spent:
        parts.explain_refused_return(refused.item, 5000)
    assert spent.value.data["balance"] == 4999
    assert not written(parts.refund_part(card.card_id, 1, CAUSE, NOW))
    assert not written(parts.block_and_empty_part(card.card_id, 5000, CAUSE, NOW))
    found = store.find(card.card_id)
    assert (found.balance, found.state, found.block_reason) == (0, "blocked", "returned")
    assert_laws(ledger=False)


def test_the_table_has_no_code_and_no_pin() -> None:
    """Setono/SyliusGiftCardPlugin#297: codes lay readable beside their balances."""
    _, code = issued(5000, pin="736251")
    text = str(items()).upper()
    plain = code.replace("-", "")
    assert code not in text
    assert plain not in text
    assert plain[:8] not in text
    assert "736251" not in text


ACTIONS = st.tuples(
    st.sampled_from(["spend", "hold", "release", "spend_held", "refund"]), st.integers(1, 3000)
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(ACTIONS, min_size=1, max_size=15))
def test_conditions_decide_as_the_arithmetic_says(actions: list[tuple[str, int]]) -> None:
    card, _ = issued(5000)
    balance, held = 5000, 0
    for action, amount in actions:
        spend, card_id = spend_of(card, amount), card.card_id
        allowed, part, moved, kept = {
            "spend": (balance - held >= amount, parts.spend_part(spend, CAUSE, NOW), -amount, 0),
            "hold": (balance - held >= amount, parts.hold_part(spend, CAUSE, NOW), 0, amount),
            "release": (
                held >= amount,
                parts.release_part(card_id, amount, CAUSE, NOW),
                0,
                -amount,
            ),
            "spend_held": (
                held >= amount,
                parts.spend_held_part(card_id, amount, CAUSE, NOW),
                -amount,
                -amount,
            ),
            "refund": (True, parts.refund_part(card_id, amount, CAUSE, NOW), amount, 0),
        }[action]
        assert (not written(part)) == allowed
        if allowed:
            balance, held = balance + moved, held + kept
        assert state(card)[:2] == (balance, held)
    assert_laws(ledger=False)

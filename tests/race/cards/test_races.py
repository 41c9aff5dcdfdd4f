"""32 threads on one card: never below 0, nothing lost, nothing made (law 5)."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest

from shared.aws import dynamodb as tables
from shared.cards import changing, issuing, looking_up, store
from shared.cards.model import card as model
from shared.cards.model.card import Card
from shared.cards.model.tries import MOST_IN_QUARTER, MOST_PINS
from shared.cards.store import hashing, parts
from shared.errors import Busy, CardNotUsable, CardShort, Conflict, Refusal, TooManyTries
from shared.web.idempotency import Request
from tests.support.cards import CAUSE, NOW, asked, assert_laws, issued, spend_of, spent, written

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

THREADS = 32
T = TypeVar("T")


def race(work: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all ``work``, started at one moment; what is Busy comes again for a minute."""
    until = time.monotonic() + 60
    gate = threading.Barrier(len(work))

    def run(one: Callable[[], T]) -> T:
        gate.wait(timeout=30)
        while True:
            try:
                return one()
            except Busy:
                if time.monotonic() > until:
                    raise

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def tried(action: Callable[[], object], *refusals: type[Refusal]) -> Callable[[], bool]:
    """Whether the action was done; False for one of ``refusals``."""

    def run() -> bool:
        try:
            action()
        except refusals:
            return False
        return True

    return run


def replaced(card: Card, request: Request) -> str:
    new = issuing.new_card(hashing.new_code(request.name, request.digest), "gift_card", "", 0, NOW)
    return issuing.replace_card(card.card_id, new, CAUSE, request, NOW)[1]


def test_32_buyers_spend_one_card_as_far_as_it_goes() -> None:
    """Azuriom/Plugin-Shop#285: two checkouts spent one card. fossasia/eventyay#2824, the same."""
    card, _ = issued(1000)
    paid = race([tried(lambda: spent(card, 100), CardShort)] * THREADS)
    assert sum(paid) == 10
    assert assert_laws() == {"USD": 0}


def test_a_card_with_one_payment_left_pays_once() -> None:
    """medusajs/medusa#16347: store credit was spent in two tabs."""
    card, _ = issued(1000)
    assert sum(race([tried(lambda: spent(card, 1000), CardShort)] * THREADS)) == 1
    assert assert_laws() == {"USD": 0}


def test_refunds_at_the_same_moment_all_arrive() -> None:
    """spree/spree#13734, #11284: parallel refunds of store credit lost or doubled amounts."""
    card, _ = issued(1000)

    def refund() -> None:
        assert not written(parts.refund_part(card.card_id, 25, CAUSE, NOW))

    race([refund] * THREADS)
    assert assert_laws() == {"USD": 1000 + 25 * THREADS}


def test_holds_and_their_expiry_meet_conversions() -> None:
    """Each of 32 holds is released or spent, never both, while others spend what is free."""
    card, _ = issued(3200)
    for _ in range(16):
        assert not written(parts.hold_part(spend_of(card, 100), CAUSE, NOW))

    def release() -> bool:
        return not written(parts.release_part(card.card_id, 100, CAUSE, NOW))

    def convert() -> bool:
        return not written(parts.spend_held_part(card.card_id, 100, CAUSE, NOW))

    done = race([release if number % 2 else convert for number in range(THREADS)])
    assert sum(done) == 16
    found = store.find(card.card_id)
    assert found.held == 0
    assert found.balance == 3200 - 100 * sum(done[::2])
    assert assert_laws() == {"USD": found.balance}


def test_a_hold_that_meets_the_expiry_of_its_card_is_kept_or_refused() -> None:
    card, _ = issued(3200, expires_at=NOW + timedelta(milliseconds=16))

    def hold(number: int) -> bool:
        now = NOW + timedelta(milliseconds=number)
        spend = spend_of(card, 100)
        refused = written(parts.hold_part(spend, CAUSE, now))
        if refused:
            with pytest.raises(CardNotUsable):
                parts.explain_refusal(refused[0].item, spend, now)
        return not refused

    kept = race([lambda number=number: hold(number) for number in range(THREADS)])  # type: ignore[misc]
    assert kept == [True] * 16 + [False] * 16
    assert store.find(card.card_id).held == 1600
    assert_laws()


def test_transfers_meet_payments_and_no_cent_is_made() -> None:
    first, _ = issued(2000)
    second, _ = issued(2000)

    def move(source: Card, target: Card) -> Callable[[], bool]:
        def moved() -> str:
            return changing.transfer(
                source.card_id, target.card_id, 150, "USD", CAUSE, asked(), lambda _: "", NOW
            )

        return tried(moved, CardShort, Conflict)

    work = [move(first, second), move(second, first)] * 8
    work += [tried(lambda: spent(first, 130), CardShort)] * 16
    done = race(work)
    assert assert_laws() == {"USD": 4000 - 130 * sum(done[16:])}


def test_a_replacement_meets_payments_with_the_old_card() -> None:
    card, _ = issued(3200)
    request = asked()
    work = [tried(lambda: spent(card, 100), CardShort, CardNotUsable)] * 31
    done = race([*work, tried(lambda: replaced(card, request))])
    assert done[-1]
    paid = sum(done[:-1])
    assert store.find(card.card_id).balance == 0
    new_id = replaced(card, request)
    assert store.find(new_id).balance == 3200 - 100 * paid
    assert assert_laws() == {"USD": 3200 - 100 * paid}


def test_32_replacements_leave_one_card_with_the_balance() -> None:
    card, _ = issued(1000)
    requests = [asked() for _ in range(THREADS)]
    work = [tried(lambda one=one: replaced(card, one), Conflict) for one in requests]  # type: ignore[misc]
    assert sum(race(work)) == 1
    assert assert_laws() == {"USD": 1000}


def test_a_request_that_arrives_32_times_issues_one_card() -> None:
    """fushengqian/fuint#71: 20 parallel gifts of 100 points made 2,000."""
    request = asked("one key")
    code = hashing.new_code(request.name, request.digest)
    card = issuing.new_card(code, "gift_card", "USD", 100, NOW)
    assert set(race([lambda: issuing.issue(card, CAUSE, request, NOW)] * THREADS)) == {card.card_id}
    assert assert_laws() == {"USD": 100}


def test_a_load_that_arrives_32_times_is_booked_once() -> None:
    card, _ = issued(100)
    request = asked("one key")

    def load() -> str:
        return changing.change(
            card.card_id,
            lambda one: model.load(one, 50, "USD", NOW),
            "loaded",
            CAUSE,
            request,
            lambda one: str(one.balance),
            NOW,
        )

    assert set(race([load] * THREADS)) == {"150"}
    assert assert_laws() == {"USD": 150}


def test_a_sold_card_is_taken_back_or_spent_never_both() -> None:
    """Setono/SyliusGiftCardPlugin#236: a bought card was refunded after it had been used."""
    card, _ = issued(1000)
    take_back = lambda: not written(parts.block_and_empty_part(card.card_id, 1000, CAUSE, NOW))  # noqa: E731
    work = [take_back, tried(lambda: spent(card, 10), CardShort, CardNotUsable)] * 16
    done = race(work)
    back, paid = sum(done[::2]), sum(done[1::2])
    assert (back, paid) in {(1, 0), (0, 16)}
    assert assert_laws() == {"USD": 0 if back else 840}


def test_a_crowd_of_guesses_gets_ten_answers() -> None:
    """Setono/SyliusGiftCardPlugin#297: nothing slowed down who guessed codes."""
    _, code = issued(1000, state="inactive")

    def guess() -> bool:
        try:
            looking_up.usable(code, None, "one", "web", None, NOW)
        except CardNotUsable:
            return True
        except TooManyTries:
            return False
        raise AssertionError("the card is inactive")

    assert sum(race([guess] * THREADS)) == MOST_IN_QUARTER
    key = hashing.subject_hash_of("one")
    item = tables.get(store.cards_table(), f"TRIES#{key}", "SUBJECT")
    assert item is not None
    assert len(item["tries"]) == MOST_IN_QUARTER


def test_a_crowd_of_pins_blocks_the_card_after_ten() -> None:
    card, code = issued(1000, pin="123456")

    def guess(number: int) -> None:
        with pytest.raises(CardNotUsable):
            looking_up.usable(code, f"{number:06d}", f"subject {number}", "web", None, NOW)

    race([lambda number=number: guess(number) for number in range(THREADS)])  # type: ignore[misc]
    found = store.find(card.card_id)
    assert (found.state, found.block_reason) == ("blocked", "wrong_pins")
    item = tables.get(store.cards_table(), f"CARD#{card.card_id}", "PIN")
    assert item is not None
    assert item["units"] == MOST_PINS

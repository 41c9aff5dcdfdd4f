"""32 buyers at once on DynamoDB Local: a limit of a promotion holds in every race, each use is
counted once, and nothing of a refused order is written (law 4)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import CodeExhausted, PromotionExhausted, Refusal
from shared.orders import buyers, changing, model, placing
from shared.orders.buyers import FoundBuyer
from shared.orders.model import Buyer, Order
from shared.orders.model.quoted import Discount, OrderQuote
from shared.pricing.model.quote import ENGINE
from shared.pricing.model.slots import SLOTS
from shared.pricing.model.uses import Limits, Use
from tests.support import shop
from tests.support.buyers import answer, at_once
from tests.support.shop import NOW, order, request

pytestmark = pytest.mark.race
BUYERS = 32


def quoted(name: str, use: Use) -> Order:
    """An order of one unit with what a promotion takes off."""
    draft = order(name, shop.line("1", "A", 1))
    (line,) = draft.lines
    line = replace(line, discounts=(Discount(use.promotion_id, use.amount),))
    kept = OrderQuote(NOW, 1, ENGINE, "d", uses=(use,))
    return replace(draft, lines=(line,), quote=kept, payments=())


def buy(name: str, use: Use, buyer: Buyer | None = None) -> str:
    draft = quoted(name, use)
    person = buyer or Buyer()
    return placing.place(
        draft, request(name, draft.order_id), "web", NOW, answer, lambda: FoundBuyer(person)
    )


def counters() -> dict[str, tuple[int, int]]:
    return {
        f"{row['pk']} {row['sk']}": (row["uses"], row["spent"])
        for row in shop.items("pricing")
        if "spent" in row
    }


def sold() -> int:
    return sum(row["sk"] == "ORDER" for row in shop.items("orders"))


@pytest.fixture(autouse=True)
def stocked(local_tables: None) -> None:
    shop.stocked({"A": {"denver": 40, "depot": 40}})


@pytest.mark.parametrize(
    ("use", "winners", "key"),
    [
        (Use("p", 100, code="C", code_uses=1), 1, "CODE#C USES"),
        (Use("p", 100, Limits(uses=5)), 5, "LIMIT#p ALL"),
        (Use("p", 100, Limits(per_day=3), "2026-11-20"), 3, "LIMIT#p DAY#2026-11-20"),
        (Use("p", 100, Limits(budget=799)), 7, "LIMIT#p ALL"),
    ],
    ids=["the last use of a code", "uses", "a day", "the last of a budget"],
)
def test_a_limit_holds_for_buyers_at_once(use: Use, winners: int, key: str) -> None:
    """vendure#4660, #4353 and #1466, medusa#13760, magento2#19545: more orders than the limit."""
    done = at_once([partial(buy, f"o{n}", use) for n in range(BUYERS)])
    refused = [one for one in done if isinstance(one, Refusal)]
    kind = CodeExhausted if use.code else PromotionExhausted
    assert all(isinstance(one, kind) for one in refused)
    assert len(done) - len(refused) == winners == sold()
    assert counters() == {key: (winners, 100 * winners)}
    shop.laws()


def counter(key: str, slot: int | None, uses: int) -> None:
    """A counter as orders of 100 each have left it; that of a slot is negative."""
    pk, sk = key.split()
    pk = pk if slot is None else f"{pk}#{slot}"
    item = {"pk": pk, "sk": sk, "uses": uses, "spent": 100 * uses}
    dynamodb().put_item(TableName=table_name("pricing"), Item=to_item(item))


def spread_total(key: str) -> tuple[int, int]:
    """What the limit and its slots have counted."""
    pk, sk = key.split()
    found = [
        numbers
        for name, numbers in counters().items()
        if name.endswith(f" {sk}") and name.split()[0] in {pk, *(f"{pk}#{n}" for n in range(SLOTS))}
    ]
    return sum(uses for uses, _ in found), sum(spent for _, spent in found)


LARGE = {
    "uses": (Use("p", 100, Limits(uses=1_000)), "LIMIT#p ALL"),
    "a day": (Use("p", 100, Limits(per_day=1_000), "2026-11-20"), "LIMIT#p DAY#2026-11-20"),
    "a code": (Use("p", 100, code="C", code_uses=1_000), "CODE#C USES"),
    "a budget": (Use("p", 100, Limits(budget=1_000_000)), "LIMIT#p ALL"),
    "uses and a budget": (
        Use("p", 100, Limits(uses=1_000, budget=100_000)),
        "LIMIT#p ALL",
    ),
}
NEARLY_USED = {
    "all in slots": (1, {1: -7, 6: -3}),
    "some in slots": (0, {2: -2, 5: -1}),
    "none in slots": (0, {}),
}
"""Whether the limit has handed out everything, and what slots have left; 10 uses in all."""


@pytest.mark.parametrize("handed", NEARLY_USED)
@pytest.mark.parametrize("limit", LARGE)
def test_the_last_of_a_large_limit_are_used_and_no_more(limit: str, handed: str) -> None:
    """990 of 1,000 were used, unevenly; slots are refused, filled and changed meanwhile."""
    use, key = LARGE[limit]
    most = 10_000 if limit == "a budget" else 1_000
    full, left = NEARLY_USED[handed]
    in_slots = -sum(left.values())
    counter(key, None, most if full else most - 10 + in_slots)
    for slot, uses in left.items():
        counter(key, slot, uses)
    done = at_once([partial(buy, f"o{n}", use) for n in range(BUYERS)])
    refused = [one for one in done if isinstance(one, Refusal)]
    kind = CodeExhausted if use.code else PromotionExhausted
    assert {type(one) for one in refused} == {kind}
    assert len(done) - len(refused) == 10 == sold()
    assert spread_total(key) == (most, 100 * most)
    shop.laws()


def test_buyers_of_a_large_limit_share_its_slots() -> None:
    use, key = LARGE["uses"]
    done = at_once([partial(buy, f"o{n}", use) for n in range(BUYERS)])
    assert not [one for one in done if isinstance(one, Refusal)]
    assert spread_total(key) == (BUYERS, 100 * BUYERS)
    assert sum(name.startswith("LIMIT#p#") for name in counters()) > SLOTS // 2


def test_a_request_that_is_repeated_uses_the_last_once() -> None:
    use, key = LARGE["uses"]
    counter(key, None, 1_000)
    counter(key, 4, -1)
    done = at_once([partial(buy, "o", use)] * BUYERS)
    assert len(set(done)) == 1 == sold()
    assert spread_total(key) == (1_000, 100_000)


def test_a_person_with_two_profiles_has_one_limit(
    environment: pytest.MonkeyPatch,
) -> None:
    """Each profile has its counter; an order checks that the others are as it has read them."""
    environment.setattr(buyers, "profile_ids_of", lambda _: frozenset({"p-1", "p-2"}))
    use = Use("p", 100, Limits(per_person=3))
    done = at_once(
        [partial(buy, f"o{n}", use, Buyer("p-1", f"p-{1 + n % 2}")) for n in range(BUYERS)]
    )
    refused = [one for one in done if isinstance(one, Refusal)]
    assert all(isinstance(one, PromotionExhausted) for one in refused)
    assert len(done) - len(refused) == 3 == sold()
    assert sum(uses for uses, _ in counters().values()) == 3


@pytest.mark.parametrize("most", [8, 1_000])
def test_uses_that_come_back_are_used_again_and_none_twice(most: int) -> None:
    """Cancellations give uses back while others buy the last 8."""
    use, key = Use("p", 100, Limits(uses=most)), "LIMIT#p ALL"
    if most > 8:
        counter(key, None, most - 8)
    for number in range(8):
        buy(f"first{number}", use)

    def cancel(number: int) -> None:
        changing.change(
            f"first{number}",
            lambda stored: model.cancel(stored, None, "no", NOW, "web"),
            NOW,
        )

    acts: list[Callable[[], object]] = [partial(cancel, n) for n in range(8)]
    acts += [partial(buy, f"o{n}", use) for n in range(BUYERS - 8)]
    at_once(acts)
    alive = sum(
        row["lines"][0]["cancelled"] == 0 for row in shop.items("orders") if row["sk"] == "ORDER"
    )
    used = most - 8 + alive
    assert spread_total(key) == (used, 100 * used)
    assert alive <= 8
    shop.laws()

"""Who gets what suggested, and why."""

from datetime import date

from shared.recommendations.model.counters import Again, Bought
from shared.recommendations.model.ranking import (
    Candidate,
    Choice,
    Kin,
    Reason,
    bought_before,
    chosen,
    goes_with,
    popular,
    suits,
    together,
)

DAY = date(2026, 11, 20)
POPULAR = Reason("popular_here")


def again(**weights: int) -> Again:
    return Again({sku: Bought(weight, 1, DAY) for sku, weight in weights.items()})


def names(candidates: list[Candidate]) -> list[str]:
    return [one.sku for one in candidates]


def row(*skus: str) -> list[Candidate]:
    return popular(skus)


def test_the_homes_of_a_person_add_up() -> None:
    one, other = again(bread=5, tea=9), again(bread=6)
    found = bought_before(together([one, other]))
    assert names(found) == ["bread", "tea"]
    assert found[0].reason == Reason("bought_before", 2, DAY)


def test_each_item_of_the_cart_asks_for_its_partners() -> None:
    partners = {"milk": [("bread", 0.4), ("jam", 0.3)], "tea": [("jam", 0.2), ("cup", 0.1)]}
    found = goes_with(["milk", "tea", "unknown"], partners)
    assert names(found) == ["jam", "bread", "cup"]
    assert found[0].reason == Reason("goes_with", sku="milk")


def test_habits_of_a_known_person_come_nearer_to_the_top() -> None:
    partners = {"milk": [("bread", 0.4), ("jam", 0.3)]}
    found = goes_with(["milk"], partners, again(jam=9, soap=1))
    assert names(found)[0] == "jam"
    assert found[0].reason.kind == "goes_with"
    assert next(one for one in found if one.sku == "soap").reason.kind == "bought_before"


def test_what_suits_a_person_was_not_bought() -> None:
    found = suits([[("tea", 0.5), ("jam", 0.2)], [("cup", 0.3), ("jam", 0.4)]], again(tea=1))
    assert names(found) == ["jam", "cup"]


def test_popular_without_what_is_known() -> None:
    assert names(popular(["a", "b"], again(a=1))) == ["b"]


def test_at_most_three_of_a_department_and_one_of_a_group() -> None:
    kin = {f"milk-{number}": Kin("dairy") for number in range(5)}
    kin |= {"shirt-s": Kin("wear", "shirt"), "shirt-m": Kin("wear", "shirt")}
    choice = Choice(10, kin, frozenset({"tea"}))
    found = chosen(choice, [row(*kin, "tea", "cup")], [])
    assert names(found) == ["milk-0", "milk-1", "milk-2", "shirt-s", "cup"]


def test_the_next_list_fills_what_the_first_leaves() -> None:
    found = chosen(Choice(3, {}), [row("a"), row("a", "b", "c", "d")], [])
    assert names(found) == ["a", "b", "c"]


def test_one_place_in_ten_is_for_a_new_item() -> None:
    many = [f"sku-{number}" for number in range(30)]
    found = chosen(Choice(20, {}), [row(*many)], [Candidate("new", 0.0, Reason("new_here"))])
    assert len(found) == 20
    assert names(found)[9] == "new"
    assert names(found)[:9] == many[:9]
    assert names(chosen(Choice(5, {}), [row(*many)], row("new"))) == many[:5]


def test_nothing_to_choose_from() -> None:
    assert chosen(Choice(10, {}), [[]], []) == []

"""The digest of a day."""

from collections import Counter
from datetime import date
from typing import Any

from shared.kpis.model.digest import LEAST_UNITS, Digest, as_text, digest
from shared.kpis.model.figures import Figures

DAY = date(2026, 11, 28)


def told(of_day: dict[str, int], usual: dict[str, int] | None = None, **more: Any) -> Digest:
    figures = {"USD": Counter(of_day)}
    before = {"USD": Counter(usual)} if usual else {}
    return digest(DAY, figures, before, 4, more.get("places", {}), more.get("channels", {}))


def place(due: int = 0, kept: int = 0, rejected: int = 0) -> Figures:
    return Counter({"due_units": due, "kept_units": kept, "rejected_units": rejected})


def test_what_is_usual_is_that_of_one_day() -> None:
    found = {one.name: one for one in told({"orders": 12}, {"orders": 40}).told}
    assert (found["orders"].value, found["orders"].usual) == (12.0, 10.0)
    assert found["split"].value is None


def test_shares_are_compared_as_they_are() -> None:
    now = {"due_units": 10, "kept_units": 9}
    found = told(now, {"due_units": 40, "kept_units": 40}).told
    (promise,) = (one for one in found if one.name == "promise_kept")
    assert (promise.value, promise.usual) == (0.9, 1.0)


def test_the_worst_locations_come_first_and_chance_is_left_out() -> None:
    places = {
        "denver": place(due=20, kept=20, rejected=9),
        "omaha": place(due=20, kept=8, rejected=LEAST_UNITS - 1),
        "boulder": place(rejected=12),
        "-": place(rejected=99),
    }
    findings = told({}, places=places).findings
    assert [(one.problem, one.place, one.number) for one in findings] == [
        ("rejected", "boulder", 12),
        ("rejected", "denver", 9),
        ("late", "omaha", 12),
    ]
    assert findings[1].text == "denver rejected 9 of 29 units that it was asked for"


def test_at_most_five_locations_are_named_of_a_problem() -> None:
    places = {f"s{number}": place(rejected=10) for number in range(9)}
    assert [one.place for one in told({}, places=places).findings] == ["s0", "s1", "s2", "s3", "s4"]


def test_returns_and_splits_beyond_what_is_usual_are_named() -> None:
    usual = {"sold_units": 100, "returned_units": 10, "shipped_orders": 50, "parcels": 60}
    normal = {"sold_units": 100, "returned_units": 11, "shipped_orders": 50, "parcels": 62}
    assert told(normal, usual).findings == ()
    bad = {"sold_units": 100, "returned_units": 30, "shipped_orders": 50, "parcels": 90}
    assert [(one.problem, one.number) for one in told(bad, usual).findings] == [
        ("returned", 20),
        ("split", 30),
    ]
    assert told(bad).findings == ()


def test_a_channel_that_costs_more_than_it_earns_is_named() -> None:
    channels = {
        ("web", "USD"): Counter({"sales": 100, "carrier_cost": 350}),
        ("pos", "USD"): Counter({"sales": 100}),
    }
    (one,) = told({}, channels=channels).findings
    assert (one.problem, one.place, one.number, one.currency) == ("unprofitable", "web", 250, "USD")
    assert one.text == "web cost 2.50 USD more than it earned"


def test_the_mail_has_everything_in_words() -> None:
    text = as_text(
        told({"orders": 12, "sales": 123_456}, {"orders": 40}, places={"x": place(rejected=7)})
    )
    assert text.startswith("NoRain, 2026-11-28\n\n  net sales: 1,234.56 USD")
    assert "  orders placed: 12 (usual: 10)\n" in text
    assert "- x rejected 7 of 7 units that it was asked for.\n  To do: count the shelves" in text


def test_a_quiet_day_is_told_as_well() -> None:
    quiet = digest(DAY, {}, {}, 4, {}, {})
    assert as_text(quiet).splitlines()[2:] == [
        "  nothing was ordered, handed over or returned",
        "",
        "Nothing went wrong.",
    ]

"""The clauses of the laws over stock. A clause that is broken says which one, with its numbers:
``A at denver: reserved 7 != 3 (open holds) + 2 (open order lines)``.

A place is a SKU at a location.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Place = tuple[str, str]
Units = Mapping[Place, int]


def equals(subject: str, name: str, value: int, terms: Mapping[str, int]) -> None:
    """``value`` is the sum of its terms, which are given by what they count.

    Raises AssertionError.
    """
    assert value == sum(terms.values()), f"{subject}: {name} {value} != {_sum_of(terms)}"


def at_least(subject: str, name: str, value: int, least: int) -> None:
    """Raises AssertionError."""
    assert value >= least, f"{subject}: {name} {value} < {least}"


def available_is_what_is_not_reserved(place: Place, row: Mapping[str, Any]) -> None:
    """Law 1, first clause, of one position."""
    available, on_hand, reserved = row["available"], row["on_hand"], row["reserved"]
    assert available == on_hand - reserved, (
        f"{named(place)}: available {available} != {on_hand} (on hand) - {reserved} (reserved)"
    )


def reserved_is_promised(reserved: Units, promised: Mapping[str, Units]) -> None:
    """Law 1, second clause: what is reserved at each place is what is promised there;
    ``promised`` by what promises it, as "open holds". A place that only promises is named, too."""
    for place in {**reserved, **dict.fromkeys(_places(promised.values()))}:
        terms = {reason: units.get(place, 0) for reason, units in promised.items()}
        equals(named(place), "reserved", reserved.get(place, 0), terms)


def of_open_holds(rows: Iterable[Mapping[str, Any]]) -> Counter[Place]:
    """Units of the open holds among the rows of the stock table."""
    held: Counter[Place] = Counter()
    for row in rows:
        if row["sk"] == "HOLD" and row["state"] == "open":
            for line in row["lines"]:
                held[line["sku"], line["location_id"]] += line["quantity"]
    return held


def ledger_is_whole(row: Mapping[str, Any], moved: Iterable[Mapping[str, Any]]) -> None:
    """The rows of the ledger of one position are numbered without a gap and lead to its counts."""
    rows = sorted(moved, key=lambda entry: int(entry["version"]))
    subject = f"ledger of {named((row['sku'], row['location_id']))}"
    versions = [int(entry["version"]) for entry in rows]
    expected = list(range(1, int(row["version"]) + 1))
    missing = sorted(set(expected) - set(versions))
    assert versions == expected, (
        f"{subject}: versions {versions}, missing {missing}, position is at {row['version']}"
    )
    for name, delta in (("on_hand", "delta"), ("reserved", "reserved_delta")):
        terms = {f"version {entry['version']}": entry[delta] for entry in rows}
        equals(subject, name, row[name], terms)


def named(place: Place) -> str:
    return " at ".join(place)


def _places(counts: Iterable[Units]) -> list[Place]:
    return [place for units in counts for place, number in units.items() if number]


def _sum_of(terms: Mapping[str, int]) -> str:
    """``3 (open holds) - 2 (reserved)``; 0 when there are no terms."""
    text = ""
    for reason, number in terms.items():
        sign = "-" if number < 0 else "+" if text else ""
        text += f" {sign} {abs(number)} ({reason})" if text else f"{sign}{abs(number)} ({reason})"
    return text or "0"

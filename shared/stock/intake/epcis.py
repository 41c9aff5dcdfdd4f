"""Converts events of EPCIS 2.0 (JSON) to stock events. Pure.

    business step                        disposition    stock event
    receiving, accepting                                moved, + receiving
    receiving, accepting, none           returned       moved, + returned
    shipping, departing                  , returned     moved, - shipping
    retail_selling                       , retail_sold  moved, - retail_selling
    inspecting, holding, storing, none   damaged        moved, - damaged
    stock_taking, cycle_counting                        counted, physical, with that reason

The location is ``bizLocation``, else ``readPoint``: an SGLN becomes ``gln:<GLN>``, of any other
identifier the last part is used. Units are listed by class (``quantityList``) or one by one
(``epcList``): an SGTIN, an LGTIN or a Digital Link becomes ``gtin:<14 digits>``. The event's
``eventID`` is its id; without one, the digest of its content.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from biip import ParseError
from biip import parse as parse_identifier
from biip.checksums import gs1_standard_check_digit

from shared.errors import invalid
from shared.stock.model.events import COUNTED, MOVED, MovementReason

SOURCE = "epcis"
LONGEST_ID = 128
COME = frozenset({"receiving", "accepting"})
GO = {"shipping": "shipping", "departing": "shipping", "retail_selling": "retail_selling"}
COUNT = frozenset({"stock_taking", "cycle_counting"})
SPOIL = frozenset({"inspecting", "holding", "storing", ""})
ORDINARY = frozenset(
    {
        "",
        "active",
        "in_progress",
        "in_transit",
        "retail_sold",
        "sellable_accessible",
        "sellable_not_accessible",
    }
)
LISTS = {
    "ObjectEvent": ("epcList", "quantityList"),
    "TransactionEvent": ("epcList", "quantityList"),
    "AggregationEvent": ("childEPCs", "childQuantityList"),
}
URN = re.compile(
    r"urn:epc:(?:id|idpat|class):(?P<kind>sgtin|lgtin|sgln):"
    r"(?P<company>\d{6,12})\.(?P<item>\d{0,7})\.(?P<rest>.+)"
)

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Act:
    """``sign`` of the units that move; 0 for a count."""

    sign: int
    reason: str


def events_of(event: Mapping[str, Any]) -> list[Event]:
    """The CloudEvents of one EPCIS event: one for each GTIN.

    Raises InvalidRequest, with the JSON path, for an event without a meaning for stock. The values
    are checked later by the contract of stock events.
    """
    kind = event.get("type")
    if kind not in LISTS:
        raise invalid("$.type", f"one of {', '.join(LISTS)}")
    if "errorDeclaration" in event:
        raise invalid(
            "$.errorDeclaration",
            "error declarations are not supported: send the correcting event instead",
        )
    act = _act(_word(event, "bizStep"), _word(event, "disposition"))
    location_id = _location(event)
    units = _units(event, *LISTS[str(kind)])
    time = event.get("eventTime")
    name = _name(event)
    reference = _reference(event)
    return [
        {
            "specversion": "1.0",
            "id": _id(name, sku),
            "source": SOURCE,
            "type": MOVED if act.sign else COUNTED,
            "time": time,
            "data": (
                {
                    "sku": sku,
                    "location_id": location_id,
                    "delta": act.sign * quantity,
                    "reason": act.reason,
                    "occurred_at": time,
                    **({"reference": reference} if reference else {}),
                }
                if act.sign
                else {
                    "sku": sku,
                    "location_id": location_id,
                    "quantity": quantity,
                    "as_of": time,
                    "basis": "physical",
                    "reason": act.reason,
                }
            ),
        }
        for sku, quantity in sorted(units.items())
    ]


def _act(step: str, disposition: str) -> _Act:
    if disposition == "damaged" and step in SPOIL:
        return _Act(-1, MovementReason.DAMAGED.value)
    if disposition == "returned" and step in {*COME, ""}:
        return _Act(1, MovementReason.RETURNED.value)
    if disposition not in ORDINARY and not (disposition == "returned" and step in GO):
        raise invalid("$.disposition", f"{disposition} is not supported with this business step")
    if step in COME:
        return _Act(1, MovementReason.RECEIVING.value)
    if step in GO:
        return _Act(-1, GO[step])
    if step in COUNT:
        return _Act(0, step)
    known = ", ".join(sorted({*COME, *GO, *COUNT}))
    raise invalid("$.bizStep", f"one of {known}, or the disposition returned or damaged")


def _word(event: Mapping[str, Any], name: str) -> str:
    """The bare word: ``urn:epcglobal:cbv:bizstep:receiving`` and
    ``https://ref.gs1.org/cbv/BizStep-receiving`` are both ``receiving``."""
    written = event.get(name, "")
    if not isinstance(written, str):
        raise invalid(f"$.{name}", "not a text")
    return re.split(r"[:/]", written)[-1].removeprefix("BizStep-").removeprefix("Disp-")


def _location(event: Mapping[str, Any]) -> str:
    for name in ("bizLocation", "readPoint"):
        place = event.get(name)
        if isinstance(place, dict) and isinstance(place.get("id"), str):
            return _place(place["id"], f"$.{name}.id")
    raise invalid("$.bizLocation", "missing: bizLocation or readPoint is required")


def _place(written: str, path: str) -> str:
    if urn := URN.fullmatch(written):
        if urn["kind"] != "sgln":
            raise invalid(path, "not a location")
        body = f"{urn['company']}{urn['item']}"
        return f"gln:{_checked(body, 12, path)}"
    if written.startswith(("http://", "https://")):
        try:
            link = parse_identifier(written).gs1_digital_link_uri
        except ParseError:
            link = None
        for part in link.element_strings if link else ():
            if part.gln is not None:
                return f"gln:{part.gln.value}"
    return re.split(r"[:/]", written.rstrip("/"))[-1]


def _units(event: Mapping[str, Any], singles: str, classes: str) -> dict[str, int]:
    units: Counter[str] = Counter()
    for path, epc in _entries(event, singles):
        units[_sku(epc, path)] += 1
    for path, entry in _entries(event, classes):
        if not isinstance(entry, dict):
            raise invalid(path, "not an object")
        quantity = entry.get("quantity")
        if "uom" in entry:
            raise invalid(f"{path}.uom", "units of measure are not supported: only whole units")
        if isinstance(quantity, bool) or not isinstance(quantity, int | float):
            raise invalid(f"{path}.quantity", "missing, or not a number")
        if quantity != int(quantity) or quantity < 0:
            raise invalid(f"{path}.quantity", "not a whole number of units")
        units[_sku(entry.get("epcClass"), f"{path}.epcClass")] += int(quantity)
    if not units:
        raise invalid(f"$.{classes}", "the event lists no units")
    return dict(units)


def _entries(event: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    entries = event.get(name, [])
    if not isinstance(entries, list):
        raise invalid(f"$.{name}", "not an array")
    for index, entry in enumerate(entries):
        yield f"$.{name}[{index}]", entry


def _sku(written: Any, path: str) -> str:
    if not isinstance(written, str):
        raise invalid(path, "not an identifier")
    if urn := URN.fullmatch(written):
        if urn["kind"] == "sgln" or not urn["item"]:
            raise invalid(path, "not a trade item")
        body = f"{urn['item'][0]}{urn['company']}{urn['item'][1:]}"
        return f"gtin:{_checked(body, 13, path)}"
    if written.startswith(("http://", "https://")):
        try:
            gtin = parse_identifier(written).gtin
        except ParseError:
            gtin = None
        if gtin is not None:
            return f"gtin:{gtin.as_gtin_14()}"
    raise invalid(path, "not an SGTIN, an LGTIN or a Digital Link with a GTIN")


def _checked(body: str, digits: int, path: str) -> str:
    if len(body) != digits:
        raise invalid(path, f"{digits} digits expected, not {len(body)}")
    return f"{body}{gs1_standard_check_digit(body)}"


def _name(event: Mapping[str, Any]) -> str:
    name = event.get("eventID")
    if isinstance(name, str) and name:
        return name
    content = {key: value for key, value in event.items() if key != "recordTime"}
    return f"sha-256:{_digest(json.dumps(content, sort_keys=True))}"


def _id(name: str, sku: str) -> str:
    whole = f"{name}/{sku}"
    return whole if len(whole) <= LONGEST_ID else f"sha-256:{_digest(whole)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _reference(event: Mapping[str, Any]) -> str | None:
    entries = event.get("bizTransactionList")
    if isinstance(entries, list) and entries and isinstance(entries[0], dict):
        written = entries[0].get("bizTransaction")
        if isinstance(written, str) and written:
            return written[-LONGEST_ID:]
    return None

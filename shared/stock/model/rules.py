"""Channel stock: the units that a channel must leave for other channels. Pure.

A position has one ``available`` and no pools beside it. Rules put thresholds over it, so that every
channel sees at once what another has taken:

    safety stock   units that a channel may not sell. The last matching rule of the document wins:
                   write the general rule first, the particular one after it.
    ring fence     units set aside for its channels: a floor for all others. Among fences of the
                   same channels the last that matches wins. Fences of different channels all hold,
                   the earlier in the document first where there are too few units for all.
                   A channel is in one set of fenced channels only.

    left of a fence  = max(0, promised - what its channels have taken since it began)
    floor of a channel = the highest safety stock of the channel and of those it leaves units to
                       + what is left of the fences of others

A channel takes down to its floor. Within its own fence it takes down to safety stock and the fences
before its own, even where there are too few units for all. Safety stock comes on top of a fence:
the fence's channels can take every unit that it promises.

Ratios. Safety stock of 0.1 is a tenth of on_hand, rounded up. A fence of 0.3 is 30 % of the units
to share since it began (available + what all channels have taken since), rounded down: sales do not
shrink it, deliveries let it grow, and fences of 1.0 together promise no unit twice.

Each take is counted on the position, per fence, in the write that takes it: ``taken:<rule_id>`` by
the fence's channels, ``shared:<rule_id>`` by all (fences by ratio only). A unit that is released,
or not found by the picker, is subtracted from the counters that include it, and from no other. A
unit that is handed over stays counted. A fence begins to count when it is put; to start anew it
needs a new ``rule_id``.

Why the write enforces a floor that was read: while units are only taken, available and on_hand do
not rise, counters do not fall, and available + shared stays; so no floor rises. The write requires
that nothing but takes was written since the read (``Limit.since``), and that the floor is left.
After any other write (a count, a release, a hand-over) the caller reads and decides again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.catalog.model import Product
from shared.instants import rfc3339
from shared.locations.model import Location
from shared.stock.model.limits import NO_LIMIT, SHARED, TAKEN, Limit, OwnFence

if TYPE_CHECKING:  # with it the import takes a fifth longer
    from shared.stock.model.position import Position

WHOLE = 10_000
"""Ratios are stored in hundredths of a percent: WHOLE is 100 %."""


@dataclass(frozen=True, slots=True)
class RuleAmount:
    """``units``, or ``ratio`` (of WHOLE) of a number of units, but at least ``units``."""

    units: int = 0
    ratio: int = 0

    def up(self, whole: int) -> int:
        return max(self.units, -(-self.ratio * max(0, whole) // WHOLE))

    def down(self, whole: int) -> int:
        return max(self.units, self.ratio * max(0, whole) // WHOLE)


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """Where a rule applies: every given field must match, by any one of its values."""

    location_ids: frozenset[str] = frozenset()
    location_types: frozenset[str] = frozenset()
    location_groups: frozenset[str] = frozenset()
    skus: frozenset[str] = frozenset()
    product_attributes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    channels: frozenset[str] = frozenset()
    confidence_below: int | None = None
    """In thousandths: matches where the confidence in the stock is lower (see availability)."""

    def fits_confidence(self, confidence: int | None) -> bool:
        """Whether the rule applies at this ``confidence``; None when no confidence is known."""
        if self.confidence_below is None:
            return True
        return confidence is not None and confidence < self.confidence_below

    def fits_product(self, sku: str, attributes: Mapping[str, str]) -> bool:
        return (not self.skus or sku in self.skus) and all(
            attributes.get(name) in values for name, values in self.product_attributes.items()
        )

    def fits_location(self, location_id: str, location: Location | None) -> bool:
        if self.location_ids and location_id not in self.location_ids:
            return False
        if not self.location_types and not self.location_groups:
            return True
        return (
            location is not None
            and (not self.location_types or location.type in self.location_types)
            and (not self.location_groups or not self.location_groups.isdisjoint(location.groups))
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Safety stock; with ``fenced`` channels a ring fence, which ends at ``until``."""

    rule_id: str
    match: RuleMatch
    amount: RuleAmount
    fenced: frozenset[str] = frozenset()
    until: datetime | None = None

    def binds(self, channel: str) -> bool:
        """Whether it is safety stock of this channel."""
        return not self.fenced and (not self.match.channels or channel in self.match.channels)


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """The rules of a document, in its order. Version 0 has no rules."""

    version: int = 0
    rules: tuple[Rule, ...] = ()

    @property
    def asks_for_products(self) -> bool:
        return any(rule.match.product_attributes for rule in self.rules)

    @property
    def asks_for_locations(self) -> bool:
        return any(rule.match.location_types or rule.match.location_groups for rule in self.rules)


@dataclass(frozen=True, slots=True)
class PublishedRules:
    """A version of the document; ``at`` and ``by`` say when and by whom it was put, None for
    version 0."""

    rules: ChannelRules
    at: datetime | None = None
    by: str | None = None


def rules_not_ended(rules: ChannelRules, at: datetime) -> tuple[Rule, ...]:
    """The rules that have not ended at ``at``."""
    return tuple(rule for rule in rules.rules if rule.until is None or at < rule.until)


def in_force_since(rules: ChannelRules, put_at: datetime, now: datetime) -> datetime:
    """The instant since which ``rules``, put at ``put_at``, have had their present meaning: then,
    or when the last of their fences ended."""
    ended = (rule.until for rule in rules.rules if rule.until is not None and rule.until <= now)
    return max([put_at, *ended])


def changed_rules(before: tuple[Rule, ...], after: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules that are in only one of both tuples; all of them when the common ones have changed
    their order. Where none of these rules matches, the terms are unchanged."""
    common, common_after = [r for r in before if r in after], [r for r in after if r in before]
    if common != common_after:
        return (*before, *after)
    return tuple(rule for rule in (*before, *after) if rule not in common)


@dataclass(frozen=True, slots=True)
class FloorFacts:
    """The values of a position that a floor is computed from. ``since`` is None when they come from
    a projection."""

    available: int
    on_hand: int
    counters: Mapping[str, int] = field(default_factory=dict)
    since: tuple[int, int] | None = None

    @staticmethod
    def of(position: "Position | None") -> "FloorFacts":
        """The values of a position that was read; None stands for a position that does not
        exist."""
        if position is None:
            return FloorFacts(0, 0, {}, (0, 0))
        return FloorFacts(
            position.available,
            position.on_hand,
            position.counters,
            (position.feed_version, position.freed),
        )


@dataclass(frozen=True, slots=True)
class Fence:
    """A ring fence at a position. ``safety`` are the safety stocks of its channels."""

    rule_id: str
    amount: RuleAmount
    safety: tuple[RuleAmount, ...]

    def promised(self, facts: FloorFacts) -> int:
        shared = facts.counters.get(f"{SHARED}{self.rule_id}", 0)
        return self.amount.down(facts.available + shared)

    def left(self, facts: FloorFacts) -> int:
        return max(0, self.promised(facts) - facts.counters.get(f"{TAKEN}{self.rule_id}", 0))


@dataclass(frozen=True, slots=True)
class SellingTerms:
    """The terms of one channel at a position: its safety stock, all fences in their rank, and the
    index of its own fence among them."""

    safety: RuleAmount = RuleAmount()
    fences: tuple[Fence, ...] = ()
    own: int | None = None

    @property
    def moves(self) -> bool:
        """Whether the floor depends on the values of the position."""
        return bool(self.safety.ratio) or len(self.fences) > (self.own is not None)

    def limit(self, facts: FloorFacts | None) -> Limit:
        """How far the channel may take. Raises ValueError without ``facts`` when the floor depends
        on them."""
        counters = tuple(
            f"{kind}{fence.rule_id}"
            for place, fence in enumerate(self.fences)
            for kind, counts in ((TAKEN, place == self.own), (SHARED, fence.amount.ratio))
            if counts
        )
        if not self.moves:
            return Limit(self.safety.units, counters=counters) if self != UNRESTRICTED else NO_LIMIT
        if facts is None:
            raise ValueError("the floor depends on the position")
        floor = self._floor(facts, (f for at, f in enumerate(self.fences) if at != self.own))
        within = None
        if self.own is not None:
            fence = self.fences[self.own]
            lower = self._floor(facts, self.fences[: self.own])
            promised = fence.promised(facts)
            if lower < floor and promised:
                within = OwnFence(f"{TAKEN}{fence.rule_id}", promised, lower)
        return Limit(floor, within, moves=True, since=facts.since, counters=counters)

    def _floor(self, facts: FloorFacts, fences: Iterable[Fence]) -> int:
        """Safety stock and the remaining units of ``fences``."""
        safety, fenced = self.safety.up(facts.on_hand), 0
        for fence in fences:
            if units := fence.left(facts):
                fenced += units
                safety = max(safety, *(amount.up(facts.on_hand) for amount in fence.safety))
        return safety + fenced

    def sellable(self, facts: FloorFacts) -> int:
        return self.limit(facts).sellable(facts.available, facts.counters)


UNRESTRICTED = SellingTerms()


ConfidenceOf = Callable[[str], Mapping[str, int]]
"""The confidence in a SKU's stock by location, in thousandths. Called only for SKUs that a rule
with ``confidence_below`` matches."""


def _no_confidence(_: str) -> Mapping[str, int]:
    return {}


class ChannelTerms(dict[tuple[str, str], SellingTerms]):
    """The terms of one channel at one instant, by PositionKey; each is computed when first asked
    for.

    ``products``, ``locations`` and ``confidence`` are needed only where rules ask for them. A rule
    does not match a product, location or confidence that is unknown.
    """

    def __init__(
        self,
        rules: ChannelRules,
        channel: str,
        now: datetime,
        locations: Mapping[str, Location],
        products: Mapping[str, Product],
        confidence: ConfidenceOf,
    ) -> None:
        super().__init__()
        self._rules = rules_not_ended(rules, now)
        self._channel = channel
        self._locations = locations
        self._products = products
        self._of_sku: dict[str, list[Rule]] = {}
        self._terms: dict[tuple[str, ...], SellingTerms] = {}
        self._confidence = confidence
        self._confidence_by_sku: dict[str, Mapping[str, int]] = {}

    @staticmethod
    def unrestricted() -> "ChannelTerms":
        """The terms without rules."""
        return ChannelTerms(
            ChannelRules(), "", datetime.min.replace(tzinfo=UTC), {}, {}, _no_confidence
        )

    def is_unrestricted(self, sku: str) -> bool:
        """Whether no rule matches this SKU."""
        return not self._matching(sku)

    def __missing__(self, place: tuple[str, str]) -> SellingTerms:
        sku, location_id = place
        location = self._locations.get(location_id)
        rules = [
            rule
            for rule in self._matching(sku)
            if rule.match.fits_location(location_id, location)
            and (
                rule.match.confidence_below is None
                or rule.match.fits_confidence(self._found(*place))
            )
        ]
        named = tuple(rule.rule_id for rule in rules)
        if named not in self._terms:
            self._terms[named] = terms_of(rules, self._channel)
        self[place] = self._terms[named]
        return self[place]

    def _found(self, sku: str, location_id: str) -> int | None:
        if sku not in self._confidence_by_sku:
            self._confidence_by_sku[sku] = self._confidence(sku)
        return self._confidence_by_sku[sku].get(location_id)

    def _matching(self, sku: str) -> list[Rule]:
        if sku not in self._of_sku:
            product = self._products.get(sku)
            attributes = product.attributes if product else {}
            self._of_sku[sku] = [
                rule for rule in self._rules if rule.match.fits_product(sku, attributes)
            ]
        return self._of_sku[sku]


def terms_of(rules: Iterable[Rule], channel: str) -> SellingTerms:
    """The terms of ``channel`` under ``rules``, all of which match the position."""
    rules = list(rules)
    fences: dict[frozenset[str], Rule] = {}
    for rule in rules:
        if rule.fenced:
            fences.pop(rule.fenced, None)
            fences[rule.fenced] = rule
    ranked = [rule for rule in fences.values() if rule.amount != RuleAmount()]
    return SellingTerms(
        safety=_safety(rules, channel),
        fences=tuple(
            Fence(
                rule.rule_id,
                rule.amount,
                tuple(sorted({_safety(rules, name) for name in rule.fenced}, key=_size)),
            )
            for rule in ranked
        ),
        own=next((at for at, rule in enumerate(ranked) if channel in rule.fenced), None),
    )


def _safety(rules: Iterable[Rule], channel: str) -> RuleAmount:
    amount = RuleAmount()
    for rule in rules:
        if rule.binds(channel):
            amount = rule.amount
    return amount


def _size(amount: RuleAmount) -> tuple[int, int]:
    return amount.units, amount.ratio


# The stored document


def to_json(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    return [
        {
            "rule_id": rule.rule_id,
            "match": {
                "location_ids": sorted(rule.match.location_ids),
                "location_types": sorted(rule.match.location_types),
                "location_groups": sorted(rule.match.location_groups),
                "skus": sorted(rule.match.skus),
                "product_attributes": {
                    name: sorted(values) for name, values in rule.match.product_attributes.items()
                },
                "channels": sorted(rule.match.channels),
                "confidence_below": rule.match.confidence_below,
            },
            "units": rule.amount.units,
            "ratio": rule.amount.ratio,
            "fenced": sorted(rule.fenced),
            "until": rfc3339(rule.until) if rule.until else None,
        }
        for rule in rules
    ]


def from_json(document: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            rule_id=row["rule_id"],
            match=RuleMatch(
                location_ids=frozenset(row["match"]["location_ids"]),
                location_types=frozenset(row["match"]["location_types"]),
                location_groups=frozenset(row["match"]["location_groups"]),
                skus=frozenset(row["match"]["skus"]),
                product_attributes={
                    name: frozenset(values)
                    for name, values in row["match"]["product_attributes"].items()
                },
                channels=frozenset(row["match"]["channels"]),
                confidence_below=row["match"].get("confidence_below"),
            ),
            amount=RuleAmount(row["units"], row["ratio"]),
            fenced=frozenset(row["fenced"]),
            until=datetime.fromisoformat(row["until"]) if row["until"] else None,
        )
        for row in document
    )

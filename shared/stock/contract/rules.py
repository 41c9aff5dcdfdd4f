"""Requests and answers of the rules of channel stock; stock/model/rules.py applies them."""

from collections import Counter
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Le
from pydantic import ConfigDict, Field, StringConstraints, model_validator

from shared.errors import InvalidRequest
from shared.stock.model.rules import WHOLE, PublishedRules, Rule, RuleAmount, RuleMatch
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Id,
    Input,
    Instant,
    InstantInput,
    LocationId,
    Sku,
)

MOST_RULES = 200
MOST_NAMES = 1000

RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Ratio = Annotated[float, Ge(0), Le(1), Field(allow_inf_nan=False, multiple_of=1 / WHOLE)]
Confidence = Annotated[float, Ge(0), Le(1), Field(allow_inf_nan=False, multiple_of=0.001)]
Kind = Literal["warehouse", "store", "vendor"]


class _Document(Answer):
    """A part of the rules: strict as input, and without absent fields as answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MatchDocument(_Document):
    """Where a rule applies: every field that is given must match one of its values."""

    location_ids: Annotated[list[LocationId], Field(min_length=1, max_length=MOST_NAMES)] | None = (
        None
    )
    """The rule applies at these locations."""
    location_types: Annotated[list[Kind], Field(min_length=1)] | None = None
    """The rule applies at locations of these types."""
    location_groups: Annotated[list[Id], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    """The rule applies at locations of these groups."""
    skus: Annotated[list[Sku], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    """The rule applies to these SKUs."""
    product_attributes: (
        Annotated[
            dict[Text, Annotated[list[Text], Field(min_length=1, max_length=100)]],
            Field(min_length=1, max_length=20),
        ]
        | None
    ) = None
    """The rule applies to products whose catalog attributes have one of these values."""
    channels: Annotated[list[Channel], Field(min_length=1, max_length=50)] | None = None
    """Channels of a safety stock; a ring fence names its own channels."""

    confidence_below: Confidence | None = None
    """The rule applies where picks of the product group find the stock less often than this share.
    It does not apply where nobody has picked or counted yet."""

    def match(self) -> RuleMatch:
        below = self.confidence_below
        return RuleMatch(
            confidence_below=None if below is None else round(below * 1000),
            location_ids=frozenset(self.location_ids or ()),
            location_types=frozenset(self.location_types or ()),
            location_groups=frozenset(self.location_groups or ()),
            skus=frozenset(self.skus or ()),
            product_attributes={
                name: frozenset(values) for name, values in (self.product_attributes or {}).items()
            },
            channels=frozenset(self.channels or ()),
        )

    @staticmethod
    def of(match: RuleMatch) -> "MatchDocument":
        attributes = {name: sorted(values) for name, values in match.product_attributes.items()}
        return MatchDocument.model_validate(
            {
                "location_ids": sorted(match.location_ids) or None,
                "location_types": sorted(match.location_types) or None,
                "location_groups": sorted(match.location_groups) or None,
                "skus": sorted(match.skus) or None,
                "product_attributes": attributes or None,
                "channels": sorted(match.channels) or None,
                "confidence_below": None
                if match.confidence_below is None
                else match.confidence_below / 1000,
            }
        )


class _Amount(_Document):
    units: Count | None = None
    """Number of units; give either `units` or `ratio`."""
    ratio: Ratio | None = None
    """Share of the units, with at most four decimals."""
    minimum: Count | None = None
    """Least number of units beside a ratio."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.units is None) == (self.ratio is None):
            raise ValueError("give either units or ratio")
        if self.minimum is not None and self.ratio is None:
            raise ValueError("minimum needs ratio")
        return self

    def amount(self) -> RuleAmount:
        if self.ratio is None:
            return RuleAmount(self.units or 0)
        return RuleAmount(self.minimum or 0, round(self.ratio * WHOLE))


class SafetyStockDocument(_Amount):
    """Units, or a share of the units on hand, that a channel may not sell."""


class RingFenceDocument(_Amount):
    """Units, or a share of the units since the fence began, that only `channels` may sell."""

    channels: Annotated[list[Channel], Field(min_length=1, max_length=50)]
    """The channels that may sell the fenced units."""
    until: InstantInput | None = None
    """From then on all channels may sell the units again."""


class RuleDocument(_Document):
    """A safety stock or a ring fence, and where it applies."""

    rule_id: RuleId
    """Name of the rule. A ring fence counts its sold units under this name: give a fence that
    starts anew a new name."""
    match: MatchDocument = MatchDocument()
    """Where the rule applies; default: everywhere."""
    safety_stock: SafetyStockDocument | None = None
    """Units that a channel may not sell; give either this or `ring_fence`."""
    ring_fence: RingFenceDocument | None = None
    """Units that only some channels may sell."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.safety_stock is None) == (self.ring_fence is None):
            raise ValueError("give either safety_stock or ring_fence")
        if self.ring_fence is not None and self.match.confidence_below is not None:
            raise ValueError("a ring fence cannot depend on confidence_below")
        if self.ring_fence is not None and self.match.channels is not None:
            raise ValueError("name the channels of a ring fence in ring_fence.channels")
        return self

    def rule(self) -> Rule:
        if self.ring_fence is not None:
            return Rule(
                self.rule_id,
                self.match.match(),
                self.ring_fence.amount(),
                frozenset(self.ring_fence.channels),
                self.ring_fence.until,
            )
        return Rule(
            self.rule_id,
            self.match.match(),
            self.safety_stock.amount() if self.safety_stock else RuleAmount(),
        )

    @staticmethod
    def of(rule: Rule) -> "RuleDocument":
        amount: dict[str, Any] = {"units": rule.amount.units}
        if rule.amount.ratio:
            amount = {
                "ratio": rule.amount.ratio / WHOLE,
                "minimum": rule.amount.units or None,
            }
        kind = "safety_stock"
        if rule.fenced:
            kind = "ring_fence"
            amount |= {"channels": sorted(rule.fenced), "until": rule.until}
        return RuleDocument.model_validate(
            {"rule_id": rule.rule_id, "match": MatchDocument.of(rule.match), kind: amount}
        )


class RulesInput(Input):
    """All rules of channel stock."""

    rules: Annotated[list[RuleDocument], Field(max_length=MOST_RULES)]
    """All rules, in the order in which they apply."""


class RulesAnswer(Answer):
    """A version of the rules of channel stock."""

    version: int
    """Version of the rules, also in the ETag; 0: no rules were written yet."""
    changed_at: Instant | None = None
    """When the rules were written."""
    changed_by: str | None = None
    """Who wrote the rules."""
    rules: list[RuleDocument]
    """The rules, in the order in which they apply."""

    @classmethod
    def of(cls, published: PublishedRules) -> Self:
        return cls(
            version=published.rules.version,
            changed_at=published.at,
            changed_by=published.by,
            rules=[RuleDocument.of(rule) for rule in published.rules.rules],
        )


def rules_of(body: RulesInput) -> tuple[Rule, ...]:
    """The rules of a request. Raises InvalidRequest naming every rule that contradicts an earlier
    one."""
    rules = tuple(document.rule() for document in body.rules)
    errors = [*_repeated(rules), *_overlapping(rules), *_more_than_all(rules)]
    if errors:
        raise InvalidRequest("the rules contradict each other", errors)
    return rules


def _repeated(rules: tuple[Rule, ...]) -> list[dict[str, str]]:
    named: Counter[str] = Counter()
    errors = []
    for place, rule in enumerate(rules):
        named[rule.rule_id] += 1
        if named[rule.rule_id] > 1:
            errors.append(
                {
                    "path": f"$.rules[{place}].rule_id",
                    "message": f"an earlier rule has the name {rule.rule_id} too",
                }
            )
    return errors


def _overlapping(rules: tuple[Rule, ...]) -> list[dict[str, str]]:
    """Errors of channels in two different fences: a sold unit counts in one fence only."""
    fenced: dict[str, Rule] = {}
    errors = []
    for place, rule in enumerate(rules):
        for channel in sorted(rule.fenced):
            before = fenced.setdefault(channel, rule)
            if before.fenced != rule.fenced:
                errors.append(
                    {
                        "path": f"$.rules[{place}].ring_fence.channels",
                        "message": f"rule {before.rule_id} fences {channel} with other "
                        "channels: two fences must have the same channels or none in common",
                    }
                )
    return errors


def _more_than_all(rules: tuple[Rule, ...]) -> list[dict[str, str]]:
    """Errors of fences that share more than all units. Of rules with the same match and channels
    only the last one applies."""
    shares: list[tuple[RuleMatch, dict[frozenset[str], int]]] = []
    errors = []
    for place, rule in enumerate(rules):
        if not rule.fenced or not rule.amount.ratio:
            continue
        by_channels = next((ratios for match, ratios in shares if match == rule.match), None)
        if by_channels is None:
            by_channels = {}
            shares.append((rule.match, by_channels))
        by_channels[rule.fenced] = rule.amount.ratio
        total = sum(by_channels.values())
        if total > WHOLE:
            errors.append(
                {
                    "path": f"$.rules[{place}].ring_fence.ratio",
                    "message": f"the ratios of these fences add up to {total / WHOLE:.4g}",
                }
            )
    return errors

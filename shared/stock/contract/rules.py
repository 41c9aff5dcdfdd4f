"""The rules of channel stock as planners send and see them. What they mean stands in rules.py."""

from collections import Counter
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Le
from pydantic import ConfigDict, Field, StringConstraints, model_validator

from shared.errors import InvalidRequest
from shared.stock.model.rules import WHOLE, Rule, RuleAmount, RuleMatch
from shared.stock.store.rules import PublishedRules
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
    """Comes in as strictly as any input, and goes out without what it does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MatchDocument(_Document):
    """Where a rule applies. All that is given must fit, each by any one of its values; what is
    left out fits always."""

    location_ids: Annotated[list[LocationId], Field(min_length=1, max_length=MOST_NAMES)] | None = (
        None
    )
    location_types: Annotated[list[Kind], Field(min_length=1)] | None = None
    location_groups: Annotated[list[Id], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    skus: Annotated[list[Sku], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    product_attributes: (
        Annotated[
            dict[Text, Annotated[list[Text], Field(min_length=1, max_length=100)]],
            Field(min_length=1, max_length=20),
        ]
        | None
    ) = Field(default=None, description="of the catalog: the values that fit, by attribute")
    channels: Annotated[list[Channel], Field(min_length=1, max_length=50)] | None = Field(
        default=None, description="whose safety stock it is; a fence names its own channels"
    )

    confidence_below: Confidence | None = Field(
        default=None,
        description="where picks of the product's group find less often what the stock shows; "
        "where nobody has picked or counted it does not apply",
    )

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
    ratio: Ratio | None = Field(default=None, description="at most four decimals")
    minimum: Count | None = Field(default=None, description="units; beside a ratio")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.units is None) == (self.ratio is None):
            raise ValueError("either units or ratio")
        if self.minimum is not None and self.ratio is None:
            raise ValueError("a minimum belongs to a ratio")
        return self

    def amount(self) -> RuleAmount:
        if self.ratio is None:
            return RuleAmount(self.units or 0)
        return RuleAmount(self.minimum or 0, round(self.ratio * WHOLE))


class SafetyStockDocument(_Amount):
    """Units that a channel may not sell, or their share of what is on hand."""


class RingFenceDocument(_Amount):
    """Units set aside for ``channels``, or their share of what there is to share since the fence
    began."""

    channels: Annotated[list[Channel], Field(min_length=1, max_length=50)]
    until: InstantInput | None = Field(
        default=None, description="from then on it is open to all again"
    )


class RuleDocument(_Document):
    rule_id: RuleId = Field(
        description="what a fence counts, it counts under this name: a fence that starts anew "
        "needs a new one"
    )
    match: MatchDocument = MatchDocument()
    safety_stock: SafetyStockDocument | None = None
    ring_fence: RingFenceDocument | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.safety_stock is None) == (self.ring_fence is None):
            raise ValueError("either safety_stock or ring_fence")
        if self.ring_fence is not None and self.match.confidence_below is not None:
            raise ValueError("a fence begins and ends with its rule, not with how sure a count is")
        if self.ring_fence is not None and self.match.channels is not None:
            raise ValueError("a fence is for ring_fence.channels, and bounds all others")
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
    rules: Annotated[list[RuleDocument], Field(max_length=MOST_RULES)]


class RulesAnswer(Answer):
    version: int = Field(description="the ETag; 0 is the document that nobody has written")
    changed_at: Instant | None = None
    changed_by: str | None = None
    rules: list[RuleDocument]

    @classmethod
    def of(cls, found: PublishedRules) -> Self:
        return cls(
            version=found.rules.version,
            changed_at=found.at,
            changed_by=found.by,
            rules=[RuleDocument.of(rule) for rule in found.rules.rules],
        )


def rules_of(body: RulesInput) -> tuple[Rule, ...]:
    """Raises InvalidRequest naming every rule that does not go together with those before it."""
    rules = tuple(document.rule() for document in body.rules)
    errors = [*_repeated(rules), *_overlapping(rules), *_more_than_all(rules)]
    if errors:
        raise InvalidRequest("the rules do not go together", errors)
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
                    "message": f"there is a rule {rule.rule_id} before",
                }
            )
    return errors


def _overlapping(rules: tuple[Rule, ...]) -> list[dict[str, str]]:
    """A unit is taken from one fence: no channel may be in two."""
    fenced: dict[str, Rule] = {}
    errors = []
    for place, rule in enumerate(rules):
        for channel in sorted(rule.fenced):
            before = fenced.setdefault(channel, rule)
            if before.fenced != rule.fenced:
                errors.append(
                    {
                        "path": f"$.rules[{place}].ring_fence.channels",
                        "message": f"{channel} is fenced in rule {before.rule_id} with other "
                        "channels: the channels of two fences are the same, or all different",
                    }
                )
    return errors


def _more_than_all(rules: tuple[Rule, ...]) -> list[dict[str, str]]:
    """Of rules with one match and the same channels only the last holds."""
    shares: list[tuple[RuleMatch, dict[frozenset[str], int]]] = []
    errors = []
    for place, rule in enumerate(rules):
        if not rule.fenced or not rule.amount.ratio:
            continue
        by_channels = next((found for match, found in shares if match == rule.match), None)
        if by_channels is None:
            by_channels = {}
            shares.append((rule.match, by_channels))
        by_channels[rule.fenced] = rule.amount.ratio
        total = sum(by_channels.values())
        if total > WHOLE:
            errors.append(
                {
                    "path": f"$.rules[{place}].ring_fence.ratio",
                    "message": f"the fences of this match would be {total / WHOLE:.4g} of all",
                }
            )
    return errors

"""Requests and answers of the order policy; orders/model/policy.py applies it."""

from datetime import timedelta
from typing import Annotated, Self

from annotated_types import Ge, Le
from pydantic import ConfigDict, Field, Strict, model_validator

from shared.locations.model import Kind, ServiceLevel
from shared.orders.contract.common import Words
from shared.orders.model.policy import MINUTES, OrderPolicy, TimeRule
from shared.orders.model.restocking import Restock, RestockRule
from shared.orders.model.return_terms import RefundOn, ReturnTerms
from shared.web.contract import Answer, Id, LocationId

MOST_RULES = 100
MOST_NAMES = 1000
Minutes = Annotated[int, Strict(), Ge(1), Le(60 * 24 * 365)]


class TimeRuleDocument(Answer):
    """Times for what matches: every field that is given must match one of its values. At least one
    time is given."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    location_types: Annotated[list[Kind], Field(min_length=1)] | None = None
    """The rule applies at locations of these types."""
    location_groups: Annotated[list[Id], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    """The rule applies at locations of these groups."""
    location_ids: Annotated[list[LocationId], Field(min_length=1, max_length=MOST_NAMES)] | None = (
        None
    )
    """The rule applies at these locations."""
    service_levels: Annotated[list[ServiceLevel], Field(min_length=1)] | None = None
    """The rule applies to orders with these service levels."""
    accept_minutes: Minutes | None = None
    """Opening time in which a location must answer an offer; 30 by default."""
    work_minutes: Minutes | None = None
    """From acceptance to hand-over, when no earlier date is promised; 1440 by default."""
    warning_minutes: Minutes | None = None
    """How long before the promised date a location is reminded; 30 by default."""
    reminder_minutes: Minutes | None = None
    """Opening time between two reminders to a late location; 240 by default."""
    collect_minutes: Minutes | None = None
    """How long goods wait to be collected; 10080 (7 days) by default."""
    payment_minutes: Minutes | None = None
    """How long an order waits for its payment; 4320 (3 days) by default."""
    consent_minutes: Minutes | None = None
    """How long the shopper has to agree to a substitute; 30 by default."""
    unreported_minutes: Minutes | None = None
    """How long after its promised delivery somebody asks the carrier about a parcel; 4320 (3 days)
    by default."""
    give_up_minutes: Minutes | None = None
    """How long a location is looked for units without one; 2880 (2 days) by default."""
    give_up_backorder_minutes: Minutes | None = None
    """How long a backorder waits after its expected date; 43200 (30 days) by default."""

    @model_validator(mode="after")
    def _gives_a_time(self) -> Self:
        if not self._minutes():
            raise ValueError(f"give at least one of {', '.join(MINUTES)}")
        return self

    def _minutes(self) -> dict[str, int]:
        times = {name: getattr(self, name) for name in MINUTES}
        return {name: minutes for name, minutes in times.items() if minutes is not None}

    def rule(self) -> TimeRule:
        return TimeRule(
            minutes=self._minutes(),
            location_types=frozenset(self.location_types or ()),
            location_groups=frozenset(self.location_groups or ()),
            location_ids=frozenset(self.location_ids or ()),
            service_levels=frozenset(self.service_levels or ()),
        )


class RestockRuleDocument(Answer):
    """Where sellable units of a return go. Every field that is given must match; the first rule
    that matches decides."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    location_types: Annotated[list[Kind], Field(min_length=1)] | None = None
    """The rule applies to goods that came back to locations of these types."""
    location_groups: Annotated[list[Id], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    """The rule applies to goods that came back to locations of these groups."""
    location_ids: Annotated[list[LocationId], Field(min_length=1, max_length=MOST_NAMES)] | None = (
        None
    )
    """The rule applies to goods that came back to these locations."""
    reasons: Annotated[list[Words], Field(min_length=1, max_length=100)] | None = None
    """The rule applies to units that were returned for these reasons alone."""
    product_groups: Annotated[list[Words], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    """The rule applies to products with one of these values as attribute `department` or
    `item_group_id`."""
    price_from: Annotated[int, Strict(), Ge(0), Le(10**9)] | None = None
    """The rule applies to units of this price or more, in minor units of the order's currency."""
    price_below: Annotated[int, Strict(), Ge(1), Le(10**9)] | None = None
    """The rule applies to units of a lower price, in minor units of the order's currency."""
    action: Restock
    """`shelf`: on sale at once, where they came back. `send_to`: reserved for a transfer to
    `to_location_id`. `hold_back`: unsellable until `owner` puts them on sale."""
    to_location_id: LocationId | None = None
    """Where `send_to` sends the units."""
    owner: Annotated[Words, Field(max_length=100)] | None = None
    """The person or team that decides on units that `hold_back` holds back."""
    transfer_minutes: Minutes | None = None
    """How long the transfer takes; 4320 (3 days) by default."""

    @model_validator(mode="after")
    def _names_what_the_action_needs(self) -> Self:
        if (self.action == "send_to") != (self.to_location_id is not None):
            raise ValueError("give to_location_id with the action send_to, and with no other")
        if (self.action == "hold_back") != (self.owner is not None):
            raise ValueError("give owner with the action hold_back, and with no other")
        if self.action != "send_to" and self.transfer_minutes is not None:
            raise ValueError("give transfer_minutes with the action send_to alone")
        return self

    def rule(self) -> RestockRule:
        transit = {}
        if self.transfer_minutes is not None:
            transit["transit"] = timedelta(minutes=self.transfer_minutes)
        return RestockRule(
            action=self.action,
            location_types=frozenset(self.location_types or ()),
            location_groups=frozenset(self.location_groups or ()),
            location_ids=frozenset(self.location_ids or ()),
            reasons=frozenset(self.reasons or ()),
            product_groups=frozenset(self.product_groups or ()),
            price_from=self.price_from,
            price_below=self.price_below,
            to_location_id=self.to_location_id,
            owner=self.owner,
            **transit,
        )


class ReturnTermsDocument(Answer):
    """What may be returned, and when it is refunded."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    window_minutes: Minutes = 30 * 24 * 60
    """How long after the hand-over goods may be returned; 43200 (30 days) by default."""
    refund_on: RefundOn = "receipt"
    """When the refund is due: when the carrier has scanned the goods, a location has received
    them, or they are inspected."""
    fee: Annotated[int, Strict(), Ge(0), Le(10**9)] = 0
    """What is kept of each refund, in minor units of the order's currency."""
    free_reasons: Annotated[list[Words], Field(max_length=100)] = Field(default_factory=list)
    """Reasons for which no fee is kept."""
    reasons: Annotated[list[Words], Field(max_length=100)] = Field(default_factory=list)
    """The reasons that may be given; empty allows any."""
    keep_below: Annotated[int, Strict(), Ge(0), Le(10**9)] = 0
    """The shopper keeps goods that are worth less than this, in minor units."""
    inspect_minutes: Minutes = 2 * 24 * 60
    """How long an inspection may take until somebody is reminded."""
    arrive_minutes: Minutes = 21 * 24 * 60
    """How long goods may be under way until somebody is reminded."""
    refurbish_minutes: Minutes = 14 * 24 * 60
    """How long units may stay unsold after the inspection until somebody is reminded."""
    restock: Annotated[list[RestockRuleDocument], Field(max_length=MOST_RULES)] = Field(
        default_factory=list
    )
    """Where sellable units of a return go: the first rule that matches decides. Without one they
    are on sale at once, where they came back."""

    def terms(self) -> ReturnTerms:
        return ReturnTerms(
            window=timedelta(minutes=self.window_minutes),
            refund_on=self.refund_on,
            fee=self.fee,
            free_reasons=frozenset(self.free_reasons),
            reasons=frozenset(self.reasons),
            keep_below=self.keep_below,
            inspect=timedelta(minutes=self.inspect_minutes),
            arrive=timedelta(minutes=self.arrive_minutes),
            refurbish=timedelta(minutes=self.refurbish_minutes),
            restock=tuple(rule.rule() for rule in self.restock),
        )


class OrderPolicyInput(Answer):
    """The whole order policy."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    times: Annotated[list[TimeRuleDocument], Field(max_length=MOST_RULES)]
    """The rules for times, in the order in which they apply; the last one that matches decides."""
    returns: ReturnTermsDocument = ReturnTermsDocument()
    """The terms for returns."""
    code_required: Annotated[bool, Strict()] = False
    """Whether goods are handed over only for the code that the shopper was told."""

    def policy(self) -> OrderPolicy:
        return OrderPolicy(
            times=tuple(rule.rule() for rule in self.times),
            returns=self.returns.terms(),
            code_required=self.code_required,
        )


class OrderPolicyAnswer(Answer):
    """The order policy in force, or a version of it."""

    version: int
    """The version; 0 is the policy without rules."""
    times: list[TimeRuleDocument]
    """The rules for times."""
    returns: ReturnTermsDocument
    """The terms for returns."""
    code_required: bool
    """Whether goods are handed over only for the code that the shopper was told."""


def policy_answer(policy: OrderPolicy) -> OrderPolicyAnswer:
    return OrderPolicyAnswer(
        version=policy.version,
        times=[_document(rule) for rule in policy.times],
        returns=_returns(policy.returns),
        code_required=policy.code_required,
    )


def _returns(terms: ReturnTerms) -> ReturnTermsDocument:
    return ReturnTermsDocument(
        window_minutes=_minutes(terms.window),
        refund_on=terms.refund_on,
        fee=terms.fee,
        free_reasons=sorted(terms.free_reasons),
        reasons=sorted(terms.reasons),
        keep_below=terms.keep_below,
        inspect_minutes=_minutes(terms.inspect),
        arrive_minutes=_minutes(terms.arrive),
        refurbish_minutes=_minutes(terms.refurbish),
        restock=[_restock(rule) for rule in terms.restock],
    )


def _restock(rule: RestockRule) -> RestockRuleDocument:
    is_sent = rule.action == "send_to"
    return RestockRuleDocument(
        location_types=sorted(rule.location_types) or None,
        location_groups=sorted(rule.location_groups) or None,
        location_ids=sorted(rule.location_ids) or None,
        reasons=sorted(rule.reasons) or None,
        product_groups=sorted(rule.product_groups) or None,
        price_from=rule.price_from,
        price_below=rule.price_below,
        action=rule.action,
        to_location_id=rule.to_location_id,
        owner=rule.owner,
        transfer_minutes=_minutes(rule.transit) if is_sent else None,
    )


def _minutes(duration: timedelta) -> int:
    return int(duration.total_seconds() // 60)


def _document(rule: TimeRule) -> TimeRuleDocument:
    return TimeRuleDocument(
        location_types=sorted(rule.location_types) or None,
        location_groups=sorted(rule.location_groups) or None,
        location_ids=sorted(rule.location_ids) or None,
        service_levels=sorted(rule.service_levels) or None,
        **rule.minutes,
    )

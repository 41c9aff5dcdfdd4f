"""Routing decisions, quotes and what-ifs as planners see them."""

from dataclasses import asdict
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import Field, Strict

from shared.orders.contract.fulfillments import FulfillmentPart
from shared.orders.model import Order, decision_id
from shared.routing.model.decision import Decision
from shared.routing.model.explain import CandidateExplanation, explain
from shared.routing.model.guard import breaches
from shared.routing.model.policy import Policy
from shared.routing.model.whatif import Totals, WhatIf
from shared.routing.store.policies import Draft, Trial
from shared.web.contract import (
    Answer,
    Count,
    Id,
    Input,
    Instant,
    LocationId,
    Money,
)


class CandidateAnswer(Answer):
    """``terms`` of the cost in minor units, which only `policy:read` shows; ``short`` what it
    lacks to serve all lines itself."""

    location_id: LocationId
    chosen: bool
    reason: str
    sentence: str
    cost: Money | None = None
    terms: dict[str, int] | None = None
    short: dict[str, int]


class PlanAnswer(Answer):
    """``units`` by location and line. No plan costs less than ``lower_bound``. Only `policy:read`
    shows what it costs."""

    units: dict[str, dict[str, int]]
    unfilled: dict[str, int]
    cost: Money | None = None
    terms: dict[str, int] | None = None
    lower_bound: Money | None = None
    proven_optimal: bool
    km: float
    kg_co2e: float


class DecisionAnswer(Answer):
    decision_id: str
    order_id: Id | None = None
    decided_at: Instant
    policy_version: int
    service_level: str
    summary: str
    plan: PlanAnswer
    candidates: list[CandidateAnswer]
    decisions: list[str] | None = Field(
        default=None, description="every routing that shaped the order, the oldest first"
    )


def decision_answer(data: bytes, order: Order | None = None, *, costs: bool) -> DecisionAnswer:
    """``data`` as it is stored, which its id is made of; ``order`` is the one that it is stored in,
    None for a quote. Without ``costs`` it says where and why, and not what that costs the
    retailer."""
    decision = Decision.from_bytes(data)
    problem, plan, told = decision.problem, decision.plan, explain(decision)
    currency = problem.policy.currency
    return DecisionAnswer(
        decision_id=decision_id(data),
        order_id=order.order_id if order else None,
        decided_at=problem.now,
        policy_version=problem.policy.version,
        service_level=problem.service_level,
        summary=told.summary if costs else told.words,
        plan=PlanAnswer(
            units=plan.units,
            unfilled={name: quantity for name, quantity in plan.unfilled.items() if quantity},
            cost=Money(amount=plan.cost, currency=currency) if costs else None,
            terms=plan.terms if costs else None,
            lower_bound=Money(amount=plan.lower_bound, currency=currency) if costs else None,
            proven_optimal=plan.proven,
            km=round(plan.km, 1),
            kg_co2e=round(plan.kg_co2e, 3),
        ),
        candidates=[_candidate_answer(row, currency, costs) for row in told.considered],
        decisions=[decision_id(kept) for kept in order.decisions] if order else None,
    )


def _candidate_answer(row: CandidateExplanation, currency: str, costs: bool) -> CandidateAnswer:
    priced = costs and row.total is not None
    return CandidateAnswer(
        location_id=row.location_id,
        chosen=row.chosen,
        reason=row.reason,
        sentence=row.sentence if costs else row.words,
        cost=Money(amount=row.total or 0, currency=currency) if priced else None,
        terms=row.terms if costs else None,
        short=row.short,
    )


class QuoteAnswer(DecisionAnswer):
    fulfillments: list[FulfillmentPart]
    short: list[dict[str, Any]]


class WhatIfInput(Input):
    days: Annotated[int, Strict(), Ge(1), Le(366)] = Field(
        description="orders placed in the last so many days"
    )
    cursor: str | None = Field(default=None, description="next_cursor of the page before")


class WhatIfTotals(Answer):
    """``splits`` are parcels after an order's first, ``load`` is units by location."""

    orders: Count
    parcels: Count
    splits: Count
    late_parcels: Count
    unfilled_units: Count
    overstock_units: Count = Field(
        description="taken where they would more likely than not have been left over"
    )
    paid: Money = Field(description="for packing, picking and carrying")
    km: float
    kg_co2e: float
    load: dict[str, int]


class OrderDifference(Answer):
    order_id: Id
    before: list[LocationId]
    after: list[LocationId]
    paid: Money = Field(description="more than before; below 0, less")
    kg_co2e: float


class Broken(Answer):
    guard_rail: str
    limit: float
    measured: float
    sentence: str
    location_id: LocationId | None = None


class TrialAnswer(Answer):
    """What the pages so far have found together."""

    days: int
    through: bool = Field(description="all pages have been asked for")
    before: WhatIfTotals
    after: WhatIfTotals
    broken: list[Broken] = Field(description="the guard-rails of the draft that this breaks")


class WhatIfAnswer(Answer):
    """Of one page of orders: the totals of several pages add up."""

    draft_revision: int
    before: WhatIfTotals
    after: WhatIfTotals
    differences: list[OrderDifference]
    trial: TrialAnswer | None = Field(
        default=None, description="absent when another what-if has begun meanwhile"
    )
    next_cursor: str | None = None


def what_if_answer(
    found: WhatIf, draft: Draft, next_cursor: str | None, trial: Trial | None
) -> WhatIfAnswer:
    currency = draft.policy.currency
    return WhatIfAnswer(
        draft_revision=draft.revision,
        before=_totals(found.before, currency),
        after=_totals(found.after, currency),
        differences=[
            OrderDifference(
                order_id=row.order_id,
                before=list(row.before),
                after=list(row.after),
                paid=Money(amount=row.paid, currency=currency),
                kg_co2e=row.kg_co2e,
            )
            for row in found.differences
        ],
        trial=_trial(trial, draft.policy) if trial else None,
        next_cursor=next_cursor,
    )


def _trial(found: Trial, policy: Policy) -> TrialAnswer:
    rails = policy.guard_rails
    broken = breaches(rails, found.before, found.after) if rails else []
    return TrialAnswer(
        days=found.days,
        through=found.cursor is None,
        before=_totals(found.before, policy.currency),
        after=_totals(found.after, policy.currency),
        broken=[Broken(**asdict(row)) for row in broken],
    )


def _totals(found: Totals, currency: str) -> WhatIfTotals:
    return WhatIfTotals(
        orders=found.orders,
        parcels=found.parcels,
        splits=found.splits,
        late_parcels=found.late,
        unfilled_units=found.unfilled,
        overstock_units=found.overstock,
        paid=Money(amount=found.paid, currency=currency),
        km=round(found.km, 1),
        kg_co2e=round(found.kg_co2e, 3),
        load=dict(sorted(found.load.items())),
    )

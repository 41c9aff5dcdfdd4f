"""Answers of routing decisions, quotes and what-ifs."""

from dataclasses import asdict
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import Strict

from shared.orders.contract.fulfillments import FulfillmentPart
from shared.orders.model import Order, decision_id
from shared.routing.model.decision import Decision
from shared.routing.model.drafts import Draft, Trial
from shared.routing.model.explain import CandidateExplanation, explain
from shared.routing.model.guard import breaches
from shared.routing.model.policy import Policy
from shared.routing.model.whatif import Difference, Totals, WhatIf
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
    """A location that the router considered."""

    location_id: LocationId
    """The candidate location."""
    chosen: bool
    """Whether the plan uses this location."""
    reason: str
    """Machine-readable reason why the location was or was not chosen."""
    sentence: str
    """The reason as an English sentence."""
    cost: Money | None = None
    """Cost of serving what this location can serve. Only with scope `policy:read`."""
    terms: dict[str, int] | None = None
    """Terms of the cost in minor units. Only with scope `policy:read`."""
    short: dict[str, int]
    """Units by line that the location lacks to serve all lines alone."""


class PlanAnswer(Answer):
    """Which location serves which units."""

    units: dict[str, dict[str, int]]
    """Units by location and line."""
    unfilled: dict[str, int]
    """Units by line that the plan does not serve."""
    cost: Money | None = None
    """Cost of the plan. Only with scope `policy:read`."""
    terms: dict[str, int] | None = None
    """Terms of the cost in minor units. Only with scope `policy:read`."""
    lower_bound: Money | None = None
    """No plan can cost less than this. Only with scope `policy:read`."""
    proven_optimal: bool
    """Whether it is proven that no cheaper plan exists."""
    km: float
    """Kilometres that the parcels travel."""
    kg_co2e: float
    """Emissions of the delivery in kg CO2e."""


class DecisionAnswer(Answer):
    """A routing decision with its reasons."""

    decision_id: str
    """The id of the routing decision."""
    order_id: Id | None = None
    """The order; absent in a quote."""
    decided_at: Instant
    """When the decision was taken."""
    policy_version: int
    """The version of the routing policy that decided."""
    service_level: str
    """The service level of the delivery."""
    summary: str
    """The decision in one English sentence."""
    plan: PlanAnswer
    """The chosen plan."""
    candidates: list[CandidateAnswer]
    """Every location that was considered."""
    decisions: list[str] | None = None
    """The ids of all routing decisions of the order, oldest first."""


def decision_answer(data: bytes, order: Order | None = None, *, costs: bool) -> DecisionAnswer:
    """The answer of a stored decision. ``data`` are the stored bytes, from which the decision id is
    derived; ``order`` is None for a quote. ``costs`` includes the retailer's costs."""
    decision = Decision.from_bytes(data)
    problem, plan, explanation = decision.problem, decision.plan, explain(decision)
    currency = problem.policy.currency
    return DecisionAnswer(
        decision_id=decision_id(data),
        order_id=order.order_id if order else None,
        decided_at=problem.now,
        policy_version=problem.policy.version,
        service_level=problem.service_level,
        summary=explanation.summary if costs else explanation.words,
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
        candidates=[_candidate_answer(row, currency, costs) for row in explanation.considered],
        decisions=[decision_id(stored) for stored in order.decisions] if order else None,
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
    """The routing decision that an order would get now."""

    fulfillments: list[FulfillmentPart]
    """The fulfillments that the order would get."""
    short: list[dict[str, Any]]
    """Lines that cannot be served completely, with the reason."""


class WhatIfInput(Input):
    """Which past orders to route again under the draft."""

    days: Annotated[int, Strict(), Ge(1), Le(366)]
    """Orders placed in the last so many days."""
    cursor: str | None = None
    """`next_cursor` of the previous page; leave it out for the first page."""


class WhatIfTotals(Answer):
    """Totals over the orders of a what-if."""

    orders: Count
    """Number of orders."""
    parcels: Count
    """Number of parcels."""
    splits: Count
    """Parcels after the first one of each order."""
    late_parcels: Count
    """Parcels that arrive after the promised date."""
    unfilled_units: Count
    """Units that could not be served."""
    overstock_units: Count
    """Units taken from locations where they would probably have been left over."""
    paid: Money
    """Cost of packing, picking and shipping."""
    km: float
    """Kilometres that the parcels travel."""
    kg_co2e: float
    """Emissions in kg CO2e."""
    load: dict[str, int]
    """Units by location."""


class OrderDifference(Answer):
    """An order that the draft would serve from other locations."""

    order_id: Id
    """The id of the order."""
    before: list[LocationId]
    """Locations that served the order."""
    after: list[LocationId]
    """Locations that would have served it under the draft."""
    paid: Money
    """Cost under the draft minus the cost before."""
    kg_co2e: float
    """Emissions under the draft minus the emissions before, in kg CO2e."""


class Broken(Answer):
    """A guard-rail of the draft that the what-if breaks."""

    guard_rail: str
    """Name of the guard-rail."""
    limit: float
    """The limit that the guard-rail sets."""
    measured: float
    """The figure that the what-if measured."""
    sentence: str
    """The violation as an English sentence."""
    location_id: LocationId | None = None
    """The location that breaks the guard-rail, for guard-rails of single locations."""


class TrialAnswer(Answer):
    """The totals of all pages of a what-if so far."""

    days: int
    """Days that the what-if looks back."""
    through: bool
    """Whether all pages have been read."""
    before: WhatIfTotals
    """Totals of all pages so far under the policies that decided."""
    after: WhatIfTotals
    """Totals of all pages so far under the draft."""
    broken: list[Broken]
    """Guard-rails of the draft that the totals break."""


class WhatIfAnswer(Answer):
    """The result for one page of orders. Add up the totals of several pages."""

    draft_revision: int
    """The revision of the draft that was tried."""
    before: WhatIfTotals
    """Totals of this page under the policies that decided."""
    after: WhatIfTotals
    """Totals of this page under the draft."""
    differences: list[OrderDifference]
    """Orders of this page that the draft would serve differently."""
    trial: TrialAnswer | None = None
    """Totals of all pages so far; absent when another what-if has started since."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


def what_if_answer(
    result: WhatIf, draft: Draft, next_cursor: str | None, trial: Trial | None
) -> WhatIfAnswer:
    currency = draft.policy.currency
    return WhatIfAnswer(
        draft_revision=draft.revision,
        before=totals_answer(result.before, currency),
        after=totals_answer(result.after, currency),
        differences=[difference_answer(row, currency) for row in result.differences],
        trial=_trial(trial, draft.policy) if trial else None,
        next_cursor=next_cursor,
    )


def difference_answer(row: Difference, currency: str) -> OrderDifference:
    return OrderDifference(
        order_id=row.order_id,
        before=list(row.before),
        after=list(row.after),
        paid=Money(amount=row.paid, currency=currency),
        kg_co2e=row.kg_co2e,
    )


def broken_rails(policy: Policy, before: Totals, after: Totals) -> list[Broken]:
    """The guard-rails of the policy that the totals break."""
    rails = policy.guard_rails
    broken = breaches(rails, before, after) if rails else []
    return [Broken(**asdict(row)) for row in broken]


def _trial(trial: Trial, policy: Policy) -> TrialAnswer:
    return TrialAnswer(
        days=trial.days,
        through=trial.cursor is None,
        before=totals_answer(trial.before, policy.currency),
        after=totals_answer(trial.after, policy.currency),
        broken=broken_rails(policy, trial.before, trial.after),
    )


def totals_answer(totals: Totals, currency: str) -> WhatIfTotals:
    return WhatIfTotals(
        orders=totals.orders,
        parcels=totals.parcels,
        splits=totals.splits,
        late_parcels=totals.late,
        unfilled_units=totals.unfilled,
        overstock_units=totals.overstock,
        paid=Money(amount=totals.paid, currency=currency),
        km=round(totals.km, 1),
        kg_co2e=round(totals.kg_co2e, 3),
        load=dict(sorted(totals.load.items())),
    )

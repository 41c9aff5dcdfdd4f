"""The trial of the draft: the totals of its what-if, added up page by page, and its guard rails."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import GuardRailBroken, NotTried
from shared.instants import rfc3339
from shared.routing.model.decision import canonical_json
from shared.routing.model.drafts import Draft, Trial
from shared.routing.model.guard import breaches
from shared.routing.model.whatif import Totals
from shared.routing.store.policies.published import POLICY

TRIAL = "trial"
TRIAL_KEPT = timedelta(days=1)


def trial() -> Trial | None:
    item = tables.get(table_name("config"), POLICY, TRIAL, consistent=True)
    if item is None:
        return None
    return Trial(
        revision=item["revision"],
        days=item["days"],
        cursor=item.get("following"),
        before=Totals.from_json(json.loads(item["before"])),
        after=Totals.from_json(json.loads(item["after"])),
        at=datetime.fromisoformat(item["at"]),
    )


def add_trial_page(
    revision: int,
    days: int,
    cursor: str | None,
    following: str | None,
    *,
    before: Totals,
    after: Totals,
    at: datetime,
) -> Trial | None:
    """Add the totals of one page to the trial: the page requested with ``cursor``. None is the
    first page, which starts a new trial.

    Returns None when another request has started a new trial meanwhile, or when the page was
    already added.
    """
    values: dict[str, Any] = {":revision": revision, ":days": days, ":cursor": cursor}
    if cursor is not None:
        stored = trial()
        if stored is None or (stored.revision, stored.days, stored.cursor) != (
            revision,
            days,
            cursor,
        ):
            return None
        before, after = stored.before.plus(before), stored.after.plus(after)
    extended = Trial(revision, days, following, before, after, at)
    refused = tables.write(
        "put_item",
        TableName=table_name("config"),
        Item=to_item(
            {
                "pk": POLICY,
                "sk": TRIAL,
                "revision": revision,
                "days": days,
                "following": following,
                "before": canonical_json(before.to_json()).decode(),
                "after": canonical_json(after.to_json()).decode(),
                "at": rfc3339(at),
            }
        ),
        # Holds when the trial still waits for this page, so that no page is counted twice.
        **(
            {
                "ConditionExpression": "revision = :revision AND days = :days"
                " AND following = :cursor",
                "ExpressionAttributeValues": to_item(values),
            }
            if cursor is not None
            else {}
        ),
    )
    return extended if refused is None else None


def check_guard_rails(draft: Draft, at: datetime) -> None:
    """Check the draft's trial against its guard rails.

    Raises NotTried when the trial is missing, incomplete, too small or too old, and
    GuardRailBroken when it exceeds a limit. Checking before the transaction is safe: a draft does
    not change within its revision.
    """
    rails = draft.policy.guard_rails
    if rails is None:
        return
    stored = trial()
    tried = stored if stored is not None and stored.revision == draft.revision else None
    if (
        tried is None
        or tried.cursor is not None
        or tried.days < rails.days
        or tried.before.orders < rails.orders
        or at - tried.at > TRIAL_KEPT
    ):
        raise NotTried(
            f"the guard rails of this draft need a complete what-if of it over {rails.days} days "
            f"and at least {rails.orders} orders, not older than a day",
            guard_rails=asdict(rails),
            found=None
            if tried is None
            else {
                "days": tried.days,
                "orders": tried.before.orders,
                "through": tried.cursor is None,
                "at": rfc3339(tried.at),
            },
        )
    if violated := breaches(rails, tried.before, tried.after):
        raise GuardRailBroken(
            "; ".join(breach.sentence for breach in violated),
            breaches=[asdict(breach) for breach in violated],
        )

"""The draft of the next policy. There is only one; each change gives it a new revision."""

import json
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.errors import Busy, VersionMismatch
from shared.instants import rfc3339
from shared.routing.model.decision import canonical_json
from shared.routing.model.drafts import Draft
from shared.routing.model.policy import Policy
from shared.routing.store.policies.published import POLICY

DRAFT = "draft"
ATTEMPTS = 5


def draft() -> Draft | None:
    item = tables.get(table_name("config"), POLICY, DRAFT, consistent=True)
    return _draft_of_item(item) if item else None


def put_draft(policy: Policy, revision: int | None, at: datetime, by: str) -> Draft:
    """Replace the draft. With ``revision``, only if the stored draft has it (0: no draft).

    Raises VersionMismatch when it does not.
    """
    for _ in tables.attempts(ATTEMPTS):
        before = draft()
        stored_revision = before.revision if before else 0
        if revision not in {None, stored_revision}:
            raise VersionMismatch("the draft has changed since", version=stored_revision)
        replacement = Draft(policy, stored_revision + 1, at, by, None)
        refused = tables.write(
            "put_item",
            TableName=table_name("config"),
            Item=_draft_item(replacement),
            # Holds when nobody has written the draft since it was read above.
            ConditionExpression="revision = :stored" if before else "attribute_not_exists(pk)",
            **(
                {"ExpressionAttributeValues": {":stored": {"N": str(stored_revision)}}}
                if before
                else {}
            ),
        )
        if refused is None:
            return replacement
    raise Busy("too many planners write the draft at once; try again")


def _draft_item(draft: Draft) -> dict[str, Any]:
    return to_item(
        {
            "pk": POLICY,
            "sk": DRAFT,
            "policy": canonical_json(draft.policy.to_json()).decode(),
            "revision": draft.revision,
            "at": rfc3339(draft.at),
            "by": draft.by,
        }
    )


def _draft_of_item(item: dict[str, Any]) -> Draft:
    return Draft(
        Policy.from_json(json.loads(item["policy"])),
        item["revision"],
        datetime.fromisoformat(item["at"]),
        item["by"],
        item.get("published_as"),
    )

"""Routing policies, table ``config``.

    pk POLICY   sk 00000001, ...   a published policy; immutable          published_policy, page
                sk draft           the only draft, with its revision      draft
                sk trial           the what-if of the draft so far        trial
                sk active          {version, canary: {version, share}?}   active: 0.5 read units

Version 0 is DEFAULT_POLICY and is not stored.
"""

from shared.routing.store.policies.active import (
    Activation,
    Canary,
    activation,
    active_policy,
    active_version,
    in_force,
    roll_back,
)
from shared.routing.store.policies.canary import promote, stop_canary
from shared.routing.store.policies.drafts import draft, put_draft
from shared.routing.store.policies.published import (
    DEFAULT,
    PolicyPage,
    PublishedPolicy,
    page,
    policy_of_item,
    published_policy,
)
from shared.routing.store.policies.publishing import publish
from shared.routing.store.policies.trials import add_trial_page, check_guard_rails, trial

__all__ = [
    "DEFAULT",
    "Activation",
    "Canary",
    "PolicyPage",
    "PublishedPolicy",
    "activation",
    "active_policy",
    "active_version",
    "add_trial_page",
    "check_guard_rails",
    "draft",
    "in_force",
    "page",
    "policy_of_item",
    "promote",
    "publish",
    "published_policy",
    "put_draft",
    "roll_back",
    "stop_canary",
    "trial",
]

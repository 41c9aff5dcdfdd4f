"""As many shoppers at once as our client has connections: each gets an answer."""

from tests.e2e.conftest import Deployed
from tests.e2e.test_selling import STORES, stocked, stores
from tests.support.crowd import CONNECTIONS, at_once

__all__ = ["stores"]


def test_a_crowd_is_answered_and_nobody_sees_an_error(cloud: Deployed) -> None:
    sku = stocked(cloud, dict.fromkeys(STORES, 50))
    for _ in range(2):
        answers = at_once(cloud.as_("web"), sku)
        assert answers.statuses == {"201": CONNECTIONS // 2, "200": CONNECTIONS // 2}

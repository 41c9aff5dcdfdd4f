"""The dashboard of operations."""

import json
import re

from tests.infra.conftest import Templates


def text_of(body: object) -> str:
    """The body of a dashboard, with the region left out."""
    if isinstance(body, str):
        return body
    assert isinstance(body, dict)
    _, parts = body["Fn::Join"]
    return "".join(part if isinstance(part, str) else "region" for part in parts)


def test_the_dashboard_searches_what_is_deployed(cloud: Templates) -> None:
    (board,) = cloud.of("AWS::CloudWatch::Dashboard")
    assert board.properties["DashboardName"] == "norain-prod-operations"
    widgets = json.loads(text_of(board.properties["DashboardBody"]))["widgets"]
    searches = [
        metric[0]["expression"] for widget in widgets for metric in widget["properties"]["metrics"]
    ]
    assert all(re.fullmatch(r"SEARCH\('\{[\w/,]+\} ?.*', '\w+', 300\)", one) for one in searches)
    for named in ("IteratorAge", "5xx", "ApproximateAgeOfOldestMessage", "TransactionConflict"):
        assert any(f'MetricName="{named}"' in one for one in searches)
    of_functions = [one for one in searches if "FunctionName" in one]
    assert of_functions
    assert all('"norain-prod"' in one for one in of_functions)


def test_every_widget_has_its_place(cloud: Templates) -> None:
    (board,) = cloud.of("AWS::CloudWatch::Dashboard")
    widgets = json.loads(text_of(board.properties["DashboardBody"]))["widgets"]
    places = {(widget["x"], widget["y"]) for widget in widgets}
    assert len(places) == len(widgets)
    assert all(widget["x"] + widget["width"] <= 24 for widget in widgets)

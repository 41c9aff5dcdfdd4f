"""The code of a route lies in the folder of its area, even when another Lambda answers it."""

import importlib

import pytest

from infra import openapi


@pytest.mark.parametrize("area", openapi.AREAS)
def test_a_route_is_defined_in_the_folder_of_its_area(area: str) -> None:
    app = importlib.import_module(f"functions.{area}.api").app
    routes = [*app._static_routes, *app._dynamic_routes]
    assert routes
    for route in routes:
        assert route.func.__module__.split(".")[:2] == [
            "functions",
            openapi.area_of(route.path),
        ], route.path

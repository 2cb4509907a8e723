"""A page's addresses over a real record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from edge_app.web.lessons_api import lessons_routes
from edge_app.web.stones_api import stones_routes


@pytest.fixture
def client(desk, folder) -> Iterator[TestClient]:
    app = Starlette(routes=[*stones_routes(desk, folder), *lessons_routes(desk)])
    with TestClient(app) as client:
        yield client

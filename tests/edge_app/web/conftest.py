"""A page's addresses over a real record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from edge_app.web.answers import HANDLERS
from edge_app.web.lessons_api import lessons_routes
from edge_app.web.stones_api import stones_routes


@pytest.fixture
def client(desk, folder) -> Iterator[TestClient]:
    routes = [*stones_routes(desk, folder), *lessons_routes(desk)]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client

"""Schemathesis asks the API what its schema allows: every answer is as the schema says."""

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import Within

from singerid.web.settings import Limits, Settings

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
EXAMPLES = 6  # for each operation
WITHOUT = ("/api/v1/events",)  # it has no end


def test_every_answer_is_as_the_schema_says(own_library):
    with Within(Settings(own_library, (own_library.parent,), limits=Limits(quiet_seconds=20))) as server:
        schema = schemathesis.openapi.from_dict(server.app.openapi())
        cookies = dict(server.http.cookies.items())
        asked = 0
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path in WITHOUT:
                continue

            @hypothesis.settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @hypothesis.given(case=operation.as_strategy())
            def ask(case):
                nonlocal asked
                response = case.call(base_url=server.http.base, cookies=cookies, timeout=30)
                assert response.status_code != 401
                case.validate_response(response, checks=CHECKS)
                asked += 1

            ask()
        assert asked > 60
        assert server.http.get("/api/v1/state").status_code == 200


def test_the_documentation_of_the_api_comes_from_the_package(own_library):
    with Within(Settings(own_library)) as server:
        page = server.http.get("/docs")
        assert "http://" not in page.text
        assert "https://" not in page.text
        for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
            assert f"/docs-files/{name}" in page.text
            assert len(server.http.get(f"/docs-files/{name}").content) > 100_000
        nonce = page.headers["content-security-policy"].split("'nonce-")[1].split("'")[0]
        assert f'nonce="{nonce}"' in page.text
        assert nonce not in server.http.get("/docs").text


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/docs-files/../app.py", "/docs-files/%2e%2e/app.py", "/static/x"]
)
def test_what_is_not_there_is_not_there(own_library, path):
    with Within(Settings(own_library)) as server:
        answer = server.http.get(path)
        assert answer.status_code == 404
        assert "detail" in answer.json()

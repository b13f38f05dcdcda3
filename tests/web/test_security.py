"""Who may use the server: each check, by requests that differ from a permitted one in one thing only."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from singerid.web.security import Guard, Pass, TooMuchError, page_policy

HOST = "127.0.0.1:8000"


async def inside(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await PlainTextResponse(f"in: {len(body)}")(scope, receive, send)


class Asked:
    def __init__(self, passes: Pass, hosts=()):
        self.passes, self.guard = passes, Guard(inside, passes, hosts)

    def __call__(self, path="/api/v1/state", method="GET", body=b"", query="", **headers):
        given = {"host": HOST, "cookie": f"singerid_8000={self.passes.session}"} | headers
        raw = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in given.items() if v is not None]
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query.encode(),
            "headers": raw, "server": ("127.0.0.1", 8000), "http_version": "1.1", "scheme": "http",
        }  # fmt: skip
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        asyncio.run(self.guard(scope, receive, send))
        head = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return sent[0]["status"], head, b"".join(part.get("body", b"") for part in sent[1:])


@pytest.fixture
def ask():
    return Asked(Pass())


def test_who_has_the_cookie_is_let_through(ask):
    assert ask()[0] == 200
    assert ask(method="POST", origin=f"http://{HOST}", sec_fetch_site="same-origin")[0] == 200
    assert ask(method="POST")[0] == 200  # no browser: curl with the cookie


@pytest.mark.parametrize(
    "cookie", [None, "", "singerid_8000=", "singerid_8000=x", "other=1", "singerid_8001=SESSION"]
)
def test_without_the_cookie_nothing_is_answered(ask, cookie):
    cookie = cookie and cookie.replace("SESSION", ask.passes.session)
    for path in ("/", "/api/v1/state", "/docs", "/openapi.json", "/docs-files/swagger-ui.css"):
        status, _, body = ask(path, cookie=cookie)
        assert status == 401
        assert b"open the address" in body


@pytest.mark.parametrize(
    "host", ["evil.example:8000", "evil.example", "", "localhost.evil.example:8000", "[x"]
)
def test_by_another_name_it_is_not_answered(ask, host):
    """A page elsewhere gives its own name this machine's address: DNS rebinding."""
    assert ask(host=host)[0] == 421
    assert ask(host=host, method="POST", origin=f"http://{host}")[0] == 421


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000", "192.168.1.4:8000"])
def test_its_own_names_and_bare_addresses_are_answered(ask, host):
    assert ask(host=host)[0] == 200


def test_a_name_that_it_was_given_is_answered():
    asked = Asked(Pass(), ("studio.local",))
    assert asked(host="studio.local:8000")[0] == 200
    assert asked(host="other.local:8000")[0] == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9000"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": f"http://{HOST}"},
    ],
)
def test_other_pages_change_nothing(ask, method, headers):
    status, _, body = ask(method=method, **headers)
    assert status == 403
    assert b"another page" in body


def test_the_token_is_swapped_once_for_a_cookie_that_scripts_do_not_see():
    asked = Asked(Pass())
    token = asked.passes.token
    assert asked("/", query="token=wrong", cookie=None)[0] == 403
    status, head, _ = asked("/", query=f"token={token}", cookie=None)
    assert (status, head["location"]) == (303, "/")
    assert "HttpOnly" in head["set-cookie"]
    assert "samesite=strict" in head["set-cookie"].lower()
    assert token not in head["set-cookie"]
    assert asked("/", query=f"token={token}", cookie=None)[0] == 403
    assert asked("/", query=f"token={token}")[0] == 303  # with the cookie the address may be opened again
    assert asked("/api/v1/state", query=f"token={token}", cookie=None)[0] == 401


def test_a_token_of_ones_own_opens_again_and_after_a_restart():
    first, second = (Asked(Pass("correct horse battery")) for _ in range(2))
    assert first.passes.session == second.passes.session
    for _ in range(2):
        assert first("/", query="token=correct%20horse%20battery", cookie=None)[0] == 303
    assert Pass("another one of these").session != first.passes.session
    assert Pass().session != Pass().session


def test_whatever_is_answered_runs_nothing(ask):
    for answer in (ask(), ask(cookie=None), ask(host="x"), ask(method="POST", origin="null")):
        head = answer[1]
        assert head["x-content-type-options"] == "nosniff"
        assert head["referrer-policy"] == "no-referrer"
        assert head["x-frame-options"] == "DENY"
        assert "default-src 'none'" in head["content-security-policy"]
        assert "frame-ancestors 'none'" in head["content-security-policy"]
        assert head["cache-control"] == "no-store"


def test_a_page_runs_what_the_server_sends_and_nothing_else():
    policy = dict(part.split(" ", 1) for part in page_policy("abc").split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'nonce-abc'"
    assert "unsafe" not in page_policy("abc")
    assert "http" not in page_policy("abc")


def test_headers_that_are_too_large_are_refused(ask):
    assert ask(x_much="x" * 30_000)[0] == 200
    assert ask(x_much="x" * 40_000)[0] == 431


def test_a_body_that_is_too_large_is_refused_with_or_without_its_length(ask):
    much = b"x" * (1024 * 1024 + 1)
    assert ask(method="POST", body=much, content_length=str(len(much)))[0] == 413
    with pytest.raises(TooMuchError):  # the app makes 413 of it
        ask(method="POST", body=much)
    assert ask("/api/v1/upload", "POST", much, content_length=str(len(much)))[0] == 200

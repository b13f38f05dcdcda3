"""Who may use the server: whoever has the address that it printed, from its own page, by its own name."""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_BODY_BYTES = 1024 * 1024  # of a request that is not an upload
HEADER_BYTES = 32 * 1024
_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
UPLOAD = "/api/v1/upload"


class Pass:
    """The secrets of a server.

    Args:
        token: the token in the address, chosen by the user: it may be used again, also after a restart.
            None: a random token, which is used up when it is swapped for the cookie.
    """

    def __init__(self, token: str | None = None) -> None:
        self._is_own = token is not None
        self.token = token or secrets.token_urlsafe(24)
        self._is_used = False
        own = hmac.new(self.token.encode(), b"singerid serve", hashlib.sha256).hexdigest()
        self.session = own if token is not None else secrets.token_urlsafe(32)

    def swap(self, token: str) -> bool:
        """Whether this token may be swapped for the cookie; this uses up a random token."""
        is_right = hmac.compare_digest(token.encode(), self.token.encode())
        if not is_right or (self._is_used and not self._is_own):
            return False
        self._is_used = True
        return True

    def opens(self, session: str) -> bool:
        """Whether a cookie's value is this server's."""
        return hmac.compare_digest(session.encode("utf-8", "surrogatepass"), self.session.encode())


def page_policy(nonce: str) -> str:
    """The content security policy of a page: only what the server itself sends."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; "
        "manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


class Guard:
    """Lets only permitted requests through; browsers cannot run, frame or sniff the responses.

    Args:
        app: the app that is guarded.
        passes: its secrets.
        hosts: host names under which the server may be reached, without port; IP addresses always may.
    """

    def __init__(self, app: ASGIApp, passes: Pass, hosts: tuple[str, ...] = ()) -> None:
        self._app, self._pass = app, passes
        self._hosts = {host.lower() for host in (*_LOOPBACK, *hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the signature is that of ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    out[name] = value
                out.setdefault("content-security-policy", _NOTHING)
                out.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refusal(scope, headers) or self._unknown(scope, headers)
        if refused is not None:
            await refused(scope, receive, hardened)
            return
        await self._app(scope, _limited(scope, headers, receive), hardened)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The refusal of a request that is too large or comes from a wrong place; None if it is right."""
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
            return _no(431, "the headers are too large; send smaller ones")
        host = headers.get("host", "")
        if not self._is_ours(host):
            return _no(421, "this server has another name; use the address that singerid serve printed")
        if scope["method"] in _SAFE:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return _no(403, "another page has sent this; use the server's own page")
        if site is not None and site not in ("same-origin", "none"):
            return _no(403, "another page has sent this; use the server's own page")
        length = headers.get("content-length", "0")
        if scope["path"] != UPLOAD and length.isdecimal() and int(length) > _BODY_BYTES:
            return _no(413, "the request is too large; send less at once")
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:  # another site can let its name point to this address, but cannot use the address as its name
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _unknown(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a request without the cookie; None if it has the cookie."""
        name = _cookie_name(scope)
        is_in = any(self._pass.opens(value) for value in _cookies(headers, name))
        tokens = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if scope["path"] == "/" and scope["method"] == "GET" and tokens:
            if not is_in and not self._pass.swap(tokens[0]):
                return _no(
                    403,
                    "this address is wrong or was used already; use the page that it opened, or start "
                    "singerid serve again",
                )
            answer = RedirectResponse("/", 303)
            answer.set_cookie(name, self._pass.session, httponly=True, samesite="strict", path="/")
            return answer
        if is_in:
            return None
        return _no(401, "open the address that singerid serve printed; it lets you in")


def _cookie_name(scope: Scope) -> str:
    """The name of the cookie. Browsers share cookies between ports, so each port has a name of its own."""
    server = scope.get("server")
    return f"singerid_{server[1] if server else 0}"


def _cookies(headers: Headers, name: str) -> list[str]:
    found = []
    for header in headers.getlist("cookie"):
        for part in header.split(";"):
            try:
                jar = SimpleCookie(part.strip())
            except CookieError:
                continue
            found += [jar[name].value] if name in jar else []
    return found


def _no(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status)


class TooMuchError(Exception):
    """A request's body is over its limit."""


def _limited(scope: Scope, headers: Headers, receive: Receive) -> Receive:
    """`receive` with a limit, for requests in pieces that do not declare their length."""
    if scope["path"] == UPLOAD:  # it has limits of its own
        return receive
    count = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > _BODY_BYTES:
            raise TooMuchError
        return message

    return counted

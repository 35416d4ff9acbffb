"""What every request passes first: which host it names, where it comes from, how large it is, who may ask.

Plain ASGI. A page on another site must not be able to use this one through the analyst's browser, whatever it sends.
"""

import hmac
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "whorl"
SAFE = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets through what may pass.

    Args:
        app: what is guarded.
        hosts: values of `Host` that are ours, with the port.
        most: bytes of a request's body.
        token: what must be shown, once, by `?token=`; None where only this machine can ask.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], most: int, token: str | None = None) -> None:
        self.app, self.hosts, self.most, self.token = app, frozenset(hosts), most, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _dressed(send))
            return
        await self.app(scope, self._counted(receive), _dressed(send))

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if headers.get("host", "") not in self.hosts:
            return PlainTextResponse("this host is not served here", 421)
        if scope["method"] not in SAFE and not self._ours(headers):
            return PlainTextResponse("requests from other pages are refused", 403)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.most:
            return PlainTextResponse(f"a request may have {self.most:,} bytes", 413)
        return self._unknown(scope, headers)

    def _ours(self, headers: Headers) -> bool:
        """Whether a request that changes something comes from a page of ours, or from no page at all."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None:
            parts = urlsplit(origin)
            return parts.scheme in ("http", "https") and parts.netloc in self.hosts
        return site in (None, "same-origin", "none")

    def _unknown(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        if self.token is None:
            return None
        shown = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if hmac.compare_digest(shown.encode(), self.token.encode()):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return answer
        try:
            kept = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            kept = None
        if kept is not None and hmac.compare_digest(kept.value.encode(), self.token.encode()):
            return None
        return PlainTextResponse("open the address that `whorl serve` printed, with its token", 401)

    def _counted(self, receive: Receive) -> Receive:
        seen = 0

        async def counting() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.most:
                raise HTTPException(413, f"A request may have {self.most:,} bytes.")
            return message

        return counting


def _dressed(send: Send) -> Send:
    """Add the headers that every answer has."""

    async def dressing(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return dressing

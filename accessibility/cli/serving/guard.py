"""Who is let in: this computer alone, by the address that the program opened, with bounded uploads."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 2_000_000_000  # of one upload: an extract of a province and a raster
_NOT_FOUND = 404
HOSTS = ("127.0.0.1", "localhost")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
MAP_POLICY = "frame-ancestors 'self'"  # beside the strict one that every map carries itself


@dataclass(frozen=True)
class Guard:
    """An ASGI application behind a guard.

    A request is refused unless its Host is this computer, its path begins with the token, and it comes from a page of
    this server where the browser says from where (Origin, Sec-Fetch-Site); so a page of another site, and a name that
    was made to point here, reach nothing.
    """

    app: ASGIApp  # what is guarded
    token: str  # the beginning of every path
    lost: ASGIApp  # what a browser is told at an address with another token: mostly of a program that has ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            looks = scope["method"] == "GET" and any(n == b"accept" and b"text/html" in v for n, v in scope["headers"])
            told = self.lost if looks and refused[0] == _NOT_FOUND else PlainTextResponse(refused[1], refused[0])
            await told(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                extra = {
                    b"content-security-policy": PAGE_POLICY.encode(),
                    b"referrer-policy": b"no-referrer",
                    b"x-content-type-options": b"nosniff",
                    b"cross-origin-resource-policy": b"same-origin",
                    b"cache-control": b"no-store",
                }
                message["headers"] = [*message["headers"], *((k, v) for k, v in extra.items() if k not in given)]
            await send(message)

        await self.app(scope, receive, sent)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin, size = headers.get("host", ""), headers.get("origin"), headers.get("content-length", "")
        start = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        reading, far = scope["method"] in ("GET", "HEAD"), 403
        # The page of a program that has ended, on another port of this computer, leads to this one's.
        opened = reading and scope["path"] == f"/{self.token}/" and headers.get("sec-fetch-dest") == "document"
        from_here = ("none", "same-origin", "same-site") if opened else ("none", "same-origin")
        checks = (
            (_name_of(host) in HOSTS, 421, "this server answers on this computer alone"),
            (
                hmac.compare_digest(start.encode(), self.token.encode()),
                _NOT_FOUND,
                "open the address that the program printed",
            ),
            (origin in (None, f"http://{host}"), far, "the request comes from another page"),
            (
                headers.get("sec-fetch-site", "none") in from_here,
                far,
                "the request comes from another page",
            ),
            (reading or origin is not None, far, "the request does not say which page it comes from"),
            (
                reading
                or (size.isdecimal() and "transfer-encoding" not in headers),  # in pieces it is as long as it is
                411,
                "the request does not say how long it is",
            ),
            (reading or int(size if size.isdecimal() else 0) <= MOST_BYTES, 413, f"more than {MOST_BYTES:,} bytes"),
        )
        return next(((code, text) for kept, code, text in checks if not kept), None)


def _name_of(host: str) -> str | None:
    """Return the name in a Host header; None where it is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None

"""Who is let in: this computer alone, or whoever knows a password; and what a page may load."""

from __future__ import annotations

import asyncio
import base64
import hmac
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

from accessibility.errors import InputError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 2_000_000_000  # of one upload: an extract of a province and a raster
_NOT_FOUND, _LOCKED = 404, 401
_ASKS = {"WWW-Authenticate": 'Basic realm="accessibility", charset="UTF-8"'}
HOSTS = ("127.0.0.1", "localhost")
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 -- what somebody asks for
_SHORTEST = 12  # letters of a password
_WAIT_S = 1.0  # before a wrong password is told
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
MAP_POLICY = "frame-ancestors 'self'"  # beside the strict one that every map carries itself


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where the page is asked for: on this computer alone, or by others, too, who know a password."""

    host: str = HOSTS[0]  # an address of this computer
    password: str = ""  # of others; none where there are none

    def __post_init__(self) -> None:
        """Refuse others without a password that is hard to guess."""
        if self.shared and len(self.password) < _SHORTEST:
            n = len(self.password)
            msg = f"a page that others reach has a password of {n} letters; expected {_SHORTEST} at least"
            raise InputError(msg)

    @property
    def shared(self) -> bool:
        """Whether others than who sits at this computer come in."""
        return self.host not in HOSTS

    @property
    def name(self) -> str:
        """What stands in the address that others are told."""
        host = socket.gethostname() if self.host in _EVERYWHERE else self.host
        return f"[{host}]" if ":" in host else host

    def is_here(self, name: str | None) -> bool:
        """Return whether a name means this computer: a name from elsewhere may have been made to point here."""
        if name in HOSTS or not self.shared or name is None:
            return name in HOSTS
        with suppress(ValueError):
            return bool(ip_address(name))
        return name in {one.lower() for one in (socket.gethostname(), socket.getfqdn(), self.host)}

    def opens(self, authorization: str) -> bool:
        """Return whether a request bears the password, whatever the name beside it."""
        if not self.shared:
            return True
        with suppress(ValueError):
            given = base64.b64decode(authorization.removeprefix("Basic "), validate=True)
            return hmac.compare_digest(given.partition(b":")[2], self.password.encode())
        return False


HERE = Door()


@dataclass(frozen=True)
class Guard:
    """An ASGI application behind a guard.

    A request is refused unless its Host is this computer, it bears the password where others come in, its path begins
    with the token, and it comes from a page of this server where the browser says from where (Origin, Sec-Fetch-Site);
    so a page of another site, and a name that was made to point here, reach nothing.
    """

    app: ASGIApp  # what is guarded
    token: str  # the beginning of every path
    lost: ASGIApp  # what a browser is told at an address with another token: mostly of a program that has ended
    door: Door = HERE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            if refused[0] == _LOCKED and dict(scope["headers"]).get(b"authorization"):
                await asyncio.sleep(_WAIT_S)
            looks = scope["method"] == "GET" and any(n == b"accept" and b"text/html" in v for n, v in scope["headers"])
            told = (
                self.lost
                if looks and refused[0] == _NOT_FOUND
                else PlainTextResponse(refused[1], refused[0], _ASKS if refused[0] == _LOCKED else None)
            )
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
        secured = (f"https://{host}",) if self.door.shared else ()  # behind a server that others ask
        checks = (
            (self.door.is_here(_name_of(host)), 421, "this server answers on this computer alone"),
            (self.door.opens(headers.get("authorization", "")), _LOCKED, "the password is missing or wrong"),
            (
                hmac.compare_digest(start.encode(), self.token.encode()),
                _NOT_FOUND,
                "open the address that the program printed",
            ),
            (origin in (None, f"http://{host}", *secured), far, "the request comes from another page"),
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

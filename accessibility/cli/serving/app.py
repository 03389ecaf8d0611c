"""The server: routes of the page, who is let in (this computer alone), and the start of it with a browser."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import secrets
import shutil
import socket
import webbrowser
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import uvicorn
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from accessibility.cli.serving.desk import SAMPLE, Desk
from accessibility.cli.serving.guard import HERE, HOSTS, MAP_POLICY, Door, Guard
from accessibility.errors import AccessibilityError, InputError, OutputError, visible
from accessibility.present.pages import page_template, script_json, template_text
from accessibility.sources.archives import plain_name
from accessibility.sources.recognition import ROLES
from accessibility.study.answers import Job, Jobs, desk_texts
from accessibility.study.views import view_of, views_of
from accessibility.wording import Wording, day_text, message_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from accessibility.cli.starting import Begun
    from accessibility.wording import Language

_SCRIPTS = ("http.js", "elsewhere.js", "desk.js", "beside.js", "near.js", "studies.js")
_ASSETS = dict.fromkeys(_SCRIPTS, "text/javascript") | {"desk.css": "text/css"}
_PORT = 8_117
_MOST_FILES = 60
_MOST_ASKED = 20_000_000  # bytes of a question: its scenarios go with it


@dataclass
class Page:
    """The routes of the page over a desk."""

    desk: Desk
    shared: bool = False  # whether others than who sits at this computer come in
    _jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        """Begin without any work."""
        self._jobs = Jobs(self.desk.language)

    def routes(self) -> list[Route]:
        """Return the routes, below the token."""
        return [
            Route("/", self.home),
            Route("/assets/{name}", self.asset),
            Route("/studies", self.studies),
            Route("/studies", self.upload, methods=["POST"]),
            Route("/places", self.place, methods=["POST"]),
            Route("/totals/{key}", self.totals, methods=["POST"]),
            Route("/tab/{tab}/map/{key}", self.drawn),
            Route("/map/{key}", self.prepare, methods=["POST"]),
            Route("/ask/{what}/{key}", self.asked, methods=["POST"]),
            Route("/pack/{key}", self.packed, methods=["POST"]),
            Route("/jobs/{job}", self.progress),
            Route("/jobs/{job}/file", self.download),
            Route("/jobs/{job}/cancel", self.cancel, methods=["POST"]),
            Route("/runs/{key}/{number}", self.run),
        ]

    async def home(self, _: Request) -> Response:
        """Return the page."""
        say = Wording("page", self.desk.language)
        texts = Markup(script_json(desk_texts(say.language) | {key: say(key) for key in _TEXTS}))  # noqa: S704 -- safe inside a script
        called = Wording("console", self.desk.language)
        visit = secrets.token_urlsafe(6)  # a browser that comes back fills frames of the same names, which nobody sees
        told = {
            "say": say,
            "served": True,
            "shared": self.shared,
            "roles": [(role, called(f"role_{role}")) for role in ROLES],
            "language": say.language,
            "texts": texts,
            "visit": visit,
        }
        return HTMLResponse(page_template("desk.html").render(**told))

    async def asset(self, request: Request) -> Response:
        """Return a script or a style of the page."""
        name = request.path_params["name"]
        if name not in _ASSETS:
            return PlainTextResponse("no such file", status_code=404)
        return Response(template_text(name), media_type=_ASSETS[name])

    async def studies(self, _: Request) -> Response:
        """Return the studies, each with its name and the packs that were written of it."""
        say = Wording("page", self.desk.language)
        told = []
        for key, name in self.desk.names().items():
            runs = [{"number": k, "day": day_text(path.stat().st_mtime)} for k, path in self.desk.runs(key).items()]
            told.append({"key": key, "name": say("sample") if key == SAMPLE else name, "runs": runs})
        return JSONResponse(told)

    async def run(self, request: Request) -> Response:
        """Return a pack that was written before."""
        key, number = request.path_params["key"], request.path_params["number"]
        runs = self.desk.runs(key) if key in self.desk.studies() else {}
        path = next((path for known, path in runs.items() if str(known) == number), None)
        if path is None:
            return JSONResponse({"error": "no such file"}, status_code=404)
        return FileResponse(path, filename=f"{key}-{number}.zip", media_type="application/zip")

    async def cancel(self, request: Request) -> Response:
        """End a piece of work before its next step."""
        job = self._jobs.find(request.path_params["job"])
        job.cancel()
        return JSONResponse({"state": job.state})

    async def upload(self, request: Request) -> Response:
        """Keep the files that were dropped, in a folder of a new study, and begin to recognise them."""
        async with self._form(request) as form:
            dropped = [file for file in form.getlist("files") if not isinstance(file, str)]
            if not dropped:
                msg = "no file was dropped; expected the files of a study"
                raise InputError(msg)
            called, roles = str(form.get("name") or ""), read_asked(str(form.get("roles") or "{}"))
            named = {plain_name(file.filename or ""): file for file in dropped}
            if len(named) < len(dropped):
                msg = "two files have the same name; expected each once"
                raise InputError(msg)
            with ExitStack() as stack:
                draft = stack.enter_context(self.desk.draft())
                inputs = draft / "inputs"
                inputs.mkdir()
                for name, file in named.items():
                    await run_in_threadpool(_keep, file.file, inputs / name)
                given = {name: roles.get(name) for name in named} if isinstance(roles, dict) else {}
                names = [f"{given[n]}={inputs / n}" if given.get(n) in ROLES else str(inputs / n) for n in named]
                kept = stack.pop_all()

        def work(job: Job) -> Any:
            job.start(12)
            with kept:
                key, begun = self.desk.begin(called, draft, names, job)
            return self._told_begun(key, begun)

        return await self._begun(work)

    async def place(self, request: Request) -> Response:
        """Begin to fetch a place by its name."""
        told = await _told(request)
        named = str(told.get("place") or "").strip() if isinstance(told, dict) else ""
        if not named:
            msg = "no place is named; expected one, such as Vaduz, Liechtenstein"
            raise InputError(msg)
        return await self._begun(lambda job: self._told_begun(*self.desk.fetch(named, job)))

    async def totals(self, request: Request) -> Response:
        """Begin to multiply the people of a study to the official totals of districts, or to take that back."""
        key, told = request.path_params["key"], await _told(request)
        on = isinstance(told, dict) and told.get("reconcile") is True

        def work(job: Job) -> Any:
            job.start(6)
            return self._told_begun(key, self.desk.reconcile(key, job, on=on))

        return await self._begun(work)

    def _told_begun(self, key: str, begun: Begun) -> dict[str, Any]:
        told = {**vars(begun), "key": key, "path": None, "error": message_text(begun.error, self.desk.language)}
        told |= {name: [visible(line) for line in told[name]] for name in ("lines", "warnings")}
        return told | {name: visible(told[name]) for name in ("error", "totals")}

    @asynccontextmanager
    async def _form(self, request: Request) -> AsyncIterator[FormData]:
        try:
            async with request.form(max_files=_MOST_FILES, max_fields=4) as form:
                yield form
        except OutputError:
            raise
        except (HTTPException, OSError) as error:
            why = error.detail if isinstance(error, HTTPException) else error.strerror
            msg = f"what was dropped cannot be taken: {why}; expected {_MOST_FILES} files at most"
            raise InputError(msg) from error

    async def prepare(self, request: Request) -> Response:
        """Begin to draw a map, or what it has otherwise than the one before."""
        key, told = request.path_params["key"], await _told(request)
        view, before = views_of(told, self.desk.language)
        return await self._begun(lambda job: self.desk.answers(key, job).follow(view, before, job))

    async def drawn(self, request: Request) -> Response:
        """Return a map; the tab is part of its address, so that no tab keeps its switches where another looks."""
        view = view_of(read_asked(request.query_params.get("view", "{}")), self.desk.language)
        answers = await run_in_threadpool(self.desk.answers, request.path_params["key"])
        html = await run_in_threadpool(answers.page, view, Job())
        return HTMLResponse(html, headers={"Content-Security-Policy": MAP_POLICY})

    async def asked(self, request: Request) -> Response:
        """Return the answer to a question that takes no time."""
        what, key = request.path_params["what"], request.path_params["key"]
        told = await _told(request)
        answers = await run_in_threadpool(self.desk.answers, key)
        return JSONResponse(await run_in_threadpool(answers.ask, what, told, self.desk.language))

    async def packed(self, request: Request) -> Response:
        """Begin to write a pack: of the study, or of the scenarios that the page tells."""
        key, told = request.path_params["key"], await _told(request)
        view, scenarios = view_of(told, self.desk.language), str(told.get("scenarios") or "")
        return await self._begun(lambda job: self.desk.pack(key, view, job, scenarios))

    async def progress(self, request: Request) -> Response:
        """Return how far a piece of work is."""
        return JSONResponse(await run_in_threadpool(self._jobs.told, request.path_params["job"]))

    async def download(self, request: Request) -> Response:
        """Return the pack that a piece of work wrote."""
        found = self._jobs.find(request.path_params["job"]).result
        if not isinstance(found, Path):
            return JSONResponse({"error": "no such file"}, status_code=404)
        return FileResponse(found, filename=f"{found.parents[1].name}-{found.name}", media_type="application/zip")

    async def _begun(self, work: Callable[[Job], Any]) -> Response:
        return JSONResponse(await run_in_threadpool(self._jobs.begin, work), status_code=202)


def _keep(dropped: BinaryIO, path: Path) -> None:
    with path.open("wb") as kept:
        shutil.copyfileobj(dropped, kept)


_FOUND = (
    "checking",
    "fetching",
    "recognised",
    "warnings",
    "reconcile",
    "as_counted",
    "open_study",
    "dropped",
    "leave_out",
    "what_it_is",
    "no_files",
)
_TEXTS = ("gone", "moved", *_FOUND, "run", "pack_without")


async def _told(request: Request) -> Any:
    """Return what a page asks; only what is dropped may be longer than a text."""
    if int(request.headers["content-length"]) > _MOST_ASKED:
        msg = f"the page asks in more than {_MOST_ASKED:,} bytes; expected a view of a map"
        raise InputError(msg)
    return read_asked(await request.body())


def read_asked(text: bytes | str) -> Any:
    """Return what a page asks, told as JSON.

    Raises
    ------
    InputError
        What is no JSON, or is nested too deep.

    Examples
    --------
    >>> read_asked(b'{"sites": 3}')
    {'sites': 3}
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"what the page asks is no JSON: {error}; expected a table of names and values"
        raise InputError(msg) from error


def make_app(desk: Desk, token: str, door: Door = HERE) -> ASGIApp:
    """Return the guarded application."""

    async def told(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": visible(message_text(str(error), desk.language))}, status_code=400)

    async def gone(*_: object) -> Response:
        return Response(status_code=400)  # nobody is there to read it

    app = Starlette(
        routes=[Mount(f"/{token}", routes=Page(desk, shared=door.shared).routes())],
        exception_handlers={AccessibilityError: told, ClientDisconnect: gone},
    )
    return Guard(app, token, _lost_page(desk.language), door)


def _lost_page(language: Language) -> Response:
    """Return what is told at the address of a program that has ended, where this one has taken its port."""
    say, script, style = Wording("page", language), template_text("elsewhere.js"), template_text("desk.css")
    page = page_template("lost.html").render(
        say=say,
        served=False,
        language=language,
        script=Markup(script),  # noqa: S704 -- our own
        style=Markup(style),  # noqa: S704 -- our own
    )
    allowed = f"script-src {_source_of(script)}; style-src {_source_of(style)}; img-src data:"
    closed = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(page, 404, {"Content-Security-Policy": f"{closed}; {allowed}"})


def _source_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _listening(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, _PORT if port is None else port), family=family)
    except OSError as error:
        if error.errno != errno.EADDRINUSE and host not in HOSTS:
            msg = (
                f"{host} is no address of this computer ({error.strerror}); expected one as --host, or 0.0.0.0 for all"
            )
            raise InputError(msg) from error
        if port is None:
            return socket.create_server((host, 0), family=family)
        msg = f"port {port} of this computer cannot be used: {error.strerror}; expected another --port"
        raise InputError(msg) from error


def run_server(
    desk: Desk,
    *,
    port: int | None = None,
    browser: bool = True,
    say: Callable[[str], None] = print,
    door: Door = HERE,
) -> None:
    """Serve the page until it is stopped: on this computer alone, or to whoever knows the password of the door.

    The token is another one at every start. Kept in a file it would stay good for ever, in the history of browsers and
    for whoever listens at the port while the program does not run and is asked by a page that was left open. Such a
    page says instead that it has to be opened at the new address, and takes along what is tried.

    Parameters
    ----------
    desk
        The studies.
    port
        Where; a free one if 0. None is the usual one where that is free, so that a page of a program that has ended
        finds this one.
    browser
        Whether a browser is opened.
    say
        Who is told the address.
    door
        Where the page is asked for, and the password of others.

    Raises
    ------
    InputError
        An address or a port that cannot be used.
    """
    token = secrets.token_urlsafe(18)
    with _listening(door.host, port) as listening:  # before the address is told: whoever comes at once waits
        address = f"http://{door.name}:{listening.getsockname()[1]}/{token}/"
        say(address)
        if browser:
            webbrowser.open(address)
        config = uvicorn.Config(make_app(desk, token, door), log_level="warning", server_header=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listening])

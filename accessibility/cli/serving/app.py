"""The server: routes of the page, and the start of it with a browser."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import uvicorn
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from accessibility.cli.serving.desk import SAMPLE, Desk, Job, in_background
from accessibility.cli.serving.guard import MAP_POLICY, Guard
from accessibility.cli.serving.views import Narrowed, View
from accessibility.errors import AccessibilityError, InputError
from accessibility.present.pages import page_template, script_json, template_text
from accessibility.wording import Wording, day_text, message_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

_ASSETS = {"desk.js": "text/javascript", "desk.css": "text/css"}
_MOST_FILES = 60
_MOST_JOBS = 200


@dataclass
class Page:
    """The routes of the page over a desk.

    Parameters
    ----------
    desk
        The studies.
    """

    desk: Desk
    _jobs: dict[str, Job] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Return the routes, below the token."""
        return [
            Route("/", self.home),
            Route("/assets/{name}", self.asset),
            Route("/studies", self.studies),
            Route("/studies", self.upload, methods=["POST"]),
            Route("/tab/{tab}/map/{key}", self.drawn),
            Route("/map/{key}", self.prepare, methods=["POST"]),
            Route("/figure/{key}", self.figure, methods=["POST"]),
            Route("/pack/{key}", self.packed, methods=["POST"]),
            Route("/jobs/{job}", self.progress),
            Route("/jobs/{job}/file", self.download),
            Route("/jobs/{job}/cancel", self.cancel, methods=["POST"]),
            Route("/runs/{key}/{number:int}", self.run),
        ]

    async def home(self, _: Request) -> Response:
        """Return the page."""
        say = Wording("page", self.desk.language)
        texts = Markup(script_json({key: say(key) for key in _TEXTS}))  # noqa: S704 -- safe inside a script
        return HTMLResponse(page_template("desk.html").render(say=say, language=say.language, texts=texts))

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
        path = self.desk.runs(key).get(number) if key in self.desk.studies() else None
        if path is None:
            return JSONResponse({"error": "no such file"}, status_code=404)
        return FileResponse(path, filename=f"{key}-{number}.zip", media_type="application/zip")

    async def cancel(self, request: Request) -> Response:
        """End a piece of work before its next step."""
        job = self._jobs.get(request.path_params["job"])
        if job is None:
            return JSONResponse({"error": "no such work"}, status_code=404)
        job.cancel()
        return JSONResponse({"state": job.state})

    async def upload(self, request: Request) -> Response:
        """Keep the files that were dropped, in a folder of a new study, and begin to recognise them."""
        async with request.form(max_files=_MOST_FILES, max_fields=4) as form:
            dropped = [file for file in form.getlist("files") if not isinstance(file, str)]
            key = self.desk.free_key(str(form.get("name") or ""))
            folder = self.desk.inputs(key)
            names = [str(folder / plain_name(file.filename or "")) for file in dropped]
            if len(set(names)) < len(names):
                msg = "two files have the same name; expected each once"
                raise InputError(msg)
            folder.mkdir(parents=True)
            for name, file in zip(names, dropped, strict=True):
                await run_in_threadpool(_keep, file.file, Path(name))

        def work(job: Job) -> Any:
            job.start(12)
            begun = self.desk.begin(key, names, job)
            return {"key": key, "lines": begun.lines, "warnings": begun.warnings, "error": self._said(begun.error)}

        return self._begun(work)

    def _said(self, error: str) -> str:
        return message_text(error, self.desk.language)

    async def prepare(self, request: Request) -> Response:
        """Begin to draw a map."""
        key, view = request.path_params["key"], view_of(await request.json(), self.desk)
        return self._begun(lambda job: bool(self.desk.page(key, view, job)))

    async def drawn(self, request: Request) -> Response:
        """Return a map; the tab is part of its address, so that no tab keeps its switches where another looks."""
        view = view_of(json.loads(request.query_params.get("view", "{}")), self.desk)
        html = await run_in_threadpool(self.desk.page, request.path_params["key"], view, Job())
        return HTMLResponse(html, headers={"Content-Security-Policy": MAP_POLICY})

    async def figure(self, request: Request) -> Response:
        """Return what the sites of a view cover, while one of them is dragged."""
        told, key = await request.json(), request.path_params["key"]
        view, narrowed = view_of(told, self.desk), narrowed_of(told)
        return JSONResponse(await run_in_threadpool(self.desk.figure, key, view, narrowed))

    async def packed(self, request: Request) -> Response:
        """Begin to write a pack."""
        key, view = request.path_params["key"], view_of(await request.json(), self.desk)
        return self._begun(lambda job: self.desk.pack(key, view, job))

    async def progress(self, request: Request) -> Response:
        """Return how far a piece of work is."""
        job = self._jobs.get(request.path_params["job"])
        if job is None:
            return JSONResponse({"error": "no such work"}, status_code=404)
        told: dict[str, Any] = {"state": job.state, "done": job.done, "steps": job.steps, "text": self._step(job.text)}
        if job.part_of is not None:
            told["done"], told["steps"] = done, whole = job.part_of
            told["text"] += f" {done:,}/{whole:,}"
        if job.state == "done":
            told["result"] = job.result if not isinstance(job.result, Path) else job.result.name
        elif job.state == "failed":
            told["error"] = self._said(job.result)
        return JSONResponse(told)

    def _step(self, text: str) -> str:
        """Return a step in the language of the page; one that no wording knows as it is."""
        try:
            return Wording("page", self.desk.language)(f"step {text}")
        except KeyError:
            return text

    async def download(self, request: Request) -> Response:
        """Return the pack that a piece of work wrote."""
        job = self._jobs.get(request.path_params["job"])
        if job is None or not isinstance(job.result, Path):
            return JSONResponse({"error": "no such file"}, status_code=404)
        name = f"{job.result.parents[1].name}-{job.result.name}"
        return FileResponse(job.result, filename=name, media_type="application/zip")

    def _begun(self, work: Callable[[Job], Any]) -> Response:
        ident = secrets.token_urlsafe(9)
        while len(self._jobs) >= _MOST_JOBS:
            del self._jobs[next(iter(self._jobs))]
        self._jobs[ident] = in_background(work)
        return JSONResponse({"job": ident}, status_code=202)


def _keep(dropped: BinaryIO, path: Path) -> None:
    with path.open("wb") as kept:
        shutil.copyfileobj(dropped, kept)


_TEXTS = (
    *("working", "failed", "add_place", "click_map", "budget", "sites", "propose", "clear", "pack", "scenario"),
    *("recognised", "warnings", "open_study", "dropped", "no_files", "move_how", "checking", "cancelled", "run"),
)


def plain_name(name: str) -> str:
    r"""Return the name of a dropped file without any folder.

    Raises
    ------
    InputError
        A name that is none, or begins with a point.

    Examples
    --------
    >>> plain_name("C:\\数据\\网点 清单.xlsx"), plain_name("../../study.toml")
    ('网点 清单.xlsx', 'study.toml')
    """
    plain = name.replace("\\", "/").rpartition("/")[2].strip()
    if not plain or plain.startswith(".") or len(plain.encode()) > 200 or not plain.isprintable():  # noqa: PLR2004
        msg = f"a file is named {name!r}; expected a plain name"
        raise InputError(msg)
    return plain


def view_of(told: Any, desk: Desk) -> View:
    """Return what a page asks for.

    Raises
    ------
    InputError
        Anything else than places, a limit and a language.
    """
    try:
        added = tuple((float(lon), float(lat)) for lon, lat in told.get("added", ()))
        moved = tuple((str(ident), float(lon), float(lat)) for ident, (lon, lat) in told.get("moved", {}).items())
        budget, sites = told.get("budget"), told.get("sites")
        return View(
            added=added,
            moved=moved,
            budget=None if budget is None else float(budget),
            sites=None if sites is None else int(sites),
            sure=_switched(told.get("sure", False)),
            language=desk.language,
        )
    except (TypeError, ValueError, AttributeError) as error:
        msg = f"the page asks for {told!r}; expected places, a budget or a number of sites"
        raise InputError(msg) from error


def narrowed_of(told: Any) -> Narrowed:
    """Return which sites and which people a page asks about.

    Raises
    ------
    InputError
        Anything else than lists of names.
    """
    try:
        districts, group = told.get("districts"), told.get("group")
        return Narrowed(
            open=frozenset(map(str, told["open"])),
            districts=None if districts is None else frozenset(None if d is None else str(d) for d in districts),
            group=None if group is None else str(group),
        )
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"the page asks about {told!r}; expected sites, districts and a group"
        raise InputError(msg) from error


def _switched(told: Any) -> bool:
    if not isinstance(told, bool):
        raise TypeError
    return told


def make_app(desk: Desk, token: str) -> ASGIApp:
    """Return the guarded application."""

    async def told(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": message_text(str(error), desk.language)}, status_code=400)

    handlers: Any = {AccessibilityError: told, json.JSONDecodeError: told}
    app = Starlette(routes=[Mount(f"/{token}", routes=Page(desk).routes())], exception_handlers=handlers)
    return Guard(app, token)


def run_server(desk: Desk, *, port: int = 0, browser: bool = True, say: Callable[[str], None] = print) -> None:
    """Serve the page on this computer until it is stopped.

    Parameters
    ----------
    desk
        The studies.
    port
        Where; a free one if 0.
    browser
        Whether a browser is opened.
    say
        Who is told the address.
    """
    token = secrets.token_urlsafe(18)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", port))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/{token}/"
        say(address)
        if browser:
            webbrowser.open(address)
        config = uvicorn.Config(make_app(desk, token), log_level="warning", server_header=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listening])

"""What every page is made with: who looks, the frame, the headers; forms that come back; pages for errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from framefleet import __version__
from framefleet.domain.access import Role
from framefleet.domain.errors import Forbidden, FramefleetError, InvalidRequest, ServiceError
from framefleet_scheduler.api.body import body_of
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import AtDesk, Caller, identify, recognized
from framefleet_scheduler.api.problems import Problem
from framefleet_scheduler.api.sessions import COOKIE, LOCAL, Sessions
from framefleet_scheduler.console import assets, words
from framefleet_scheduler.console.nav import NAV

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # Forms are to say which page they come from; under `no-referrer` browsers say `null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_MOST_FORM_BYTES = 1 << 20
_MOST_FIELDS = 2000


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page, and what it is made from."""

    request: Request
    desk: Desk
    caller: Caller

    def can(self, role: str) -> bool:
        """Whether they have a role, for the pipelines they see."""
        return self.caller.role.covers(Role(role))

    def rules(self) -> bool:
        """Whether they are an admin of the whole cluster."""
        return self.can("admin") and self.caller.pipelines is None

    def show(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A page."""
        return HTMLResponse(self.render(template, **context), status, headers=HEADERS)

    def render(self, template: str, **context: Any) -> str:
        """A template's text, with what every template knows."""
        return render(
            template,
            here=self.request.url.path,
            visitor=self,
            nav=[entry for entry in NAV if self.rules() or (self.can(entry.role) and not entry.whole)],
            csrf=sessions_of(self.request).token(_cookie(self.request, self.desk)),
            keyed=self.desk.asks_for_keys,
            **context,
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that came back, from a page of ours."""

    visitor: Visitor
    fields: dict[str, list[str]]

    def one(self, name: str, default: str = "") -> str:
        """A field's value."""
        return self.fields.get(name, [default])[0]

    def all(self, name: str) -> list[str]:
        """A field's values."""
        return self.fields.get(name, [])

    def version(self) -> int:
        """The version of what was on the page, which has to be the latest still. Raises InvalidRequest when none is said."""
        return version_in(self.one("version"))


def version_in(text: str) -> int:
    """A version as a form says it, from 0. Raises InvalidRequest."""
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise InvalidRequest(
            "the form does not say which version is meant", field="version", hint="Load the page again."
        )
    return int(text)


def visit(request: Request, desk: AtDesk) -> Visitor:
    """Who looks at a page. Raises Unauthenticated, which becomes a way to the login."""
    visitor = Visitor(request, desk, identify(request, desk, ""))
    request.state.visitor = visitor
    return visitor


async def submitted(request: Request, desk: AtDesk) -> Sent:
    """A form, whose token is checked. Raises Forbidden when it is of no page of ours."""
    fields = await form_of(request)
    token = fields.get("csrf", [""])[0]
    caller = await run_in_threadpool(identify, request, desk, token)
    visitor = Visitor(request, desk, caller)
    request.state.visitor = visitor
    await run_in_threadpool(check_token, request, desk, token)
    return Sent(visitor, fields)


def check_token(request: Request, desk: Desk, token: str) -> None:
    """Also where no key is asked for a form has to be of a page of ours. Raises Forbidden."""
    if not sessions_of(request).fits(_cookie(request, desk), token):
        raise Forbidden("the form is not of this session", hint="Load the page again and send it once more.")


async def form_of(request: Request) -> dict[str, list[str]]:
    """The fields of an urlencoded body. Raises InvalidRequest, RequestTooLarge, RequestTimeout."""
    body = await body_of(request, _MOST_FORM_BYTES)
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidRequest("the form cannot be read", hint="Load the page again.") from None


Visit = Annotated[Visitor, Depends(visit)]
Submitted = Annotated[Sent, Depends(submitted)]


def to(path: str) -> RedirectResponse:
    """Go there with a GET, after a form has done something."""
    return RedirectResponse(path, 303, headers=HEADERS)


def own_path(text: str) -> str:
    """A path of this server; `/` for whatever else."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    plain = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if plain and not parts.scheme and not parts.netloc else "/"


def error_page(request: Request, status: int, problem: Problem, headers: dict[str, str]) -> Response:
    """What a browser gets instead of JSON: a page, or the login."""
    headers = {**headers, **HEADERS}
    if status == 401:
        headers.pop("WWW-Authenticate", None)  # a browser would ask for the key in a window of its own
        if request.url.path != "/login":
            query = f"?{request.url.query}" if request.url.query else ""
            back = quote(request.url.path + query if request.method == "GET" else "/", safe="/")
            return RedirectResponse(f"/login?next={back}", 303, headers=headers)
    return HTMLResponse(_told(request, status, problem), status, headers=headers)


def _told(request: Request, status: int, problem: Problem) -> str:
    if problem.hint and "/openapi.json" in problem.hint:
        problem = problem.model_copy(update={"hint": None})  # it is for programs; the page leads on by itself
    visitor = _looking(request, status)
    if visitor is not None:
        try:
            return visitor.render("error.html", problem=problem, status=status)
        except ServiceError:
            pass  # the store is away, and with it the tokens of the forms in the frame
    return render("error.html", problem=problem, status=status, **_NOBODY)


def _looking(request: Request, status: int) -> Visitor | None:
    """Who is told; also of an address that no page has, so that the menu stays. None when nobody knows."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is not None or status >= 500 or request.method != "GET":
        return visitor
    desk: Desk = request.app.state.desk
    try:
        return Visitor(request, desk, recognized(request, desk))
    except FramefleetError:
        return None


_NOBODY: dict[str, Any] = {"here": "", "visitor": None, "nav": [], "csrf": "", "keyed": False}


def render(template: str, **context: Any) -> str:
    """A template's text."""
    return _environment().get_template(template).render(**context)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("framefleet_scheduler.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= words.FILTERS
    made.globals |= {
        "asset": assets.address,
        "version": __version__,
        "between": words.between,
        "plural": words.plural,
        "joined": words.joined,
    }
    return made


def sessions_of(request: Request) -> Sessions:
    """Those of the server that was asked."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def _cookie(request: Request, desk: Desk) -> str:
    return request.cookies.get(COOKIE, "") if desk.asks_for_keys else LOCAL

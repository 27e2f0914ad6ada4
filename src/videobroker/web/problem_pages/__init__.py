"""A page for each error code, at the URL in the `type` of problem documents: HTML, Markdown, or JSON."""

import json
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from markupsafe import Markup, escape
from pydantic import BaseModel, ConfigDict, Field

from videobroker.errors import CATALOG, ErrorKind, PathNotFound
from videobroker.web.http import headers
from videobroker.web.http.accept import accept_of, preferred_type
from videobroker.web.http.content_security_policy import OWN_CODE_ONLY, content_security_policy
from videobroker.web.http.problems import described
from videobroker.web.http.requests import by_name
from videobroker.web.http.static_files import static_file
from videobroker.web.http.templates import template_environment
from videobroker.web.problem_pages.explanations import EXPLANATIONS, Explanation

MARKDOWN, HTML, JSON = _TYPES = ("text/markdown", "text/html", "application/json")
"""The last one is the default."""
STATIC = FilePath(__file__).parent / "static"
_HTML_HEADERS = {
    "Content-Security-Policy": content_security_policy(
        {
            **OWN_CODE_ONLY,
            "script-src": ["'none'"],
            "img-src": ["'self'"],
            "base-uri": ["'none'"],
            "form-action": ["'none'"],
            "frame-ancestors": ["'none'"],
        }
    ),
    "Referrer-Policy": "no-referrer",
}

router = APIRouter(tags=["operations"], generate_unique_id_function=by_name)
_templates = template_environment("videobroker.web.problem_pages")


def _inline_code(text: str) -> Markup:
    """The text with `code` in backticks as HTML."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


_templates.filters["inline_code"] = _inline_code


class ProblemKind(BaseModel):
    """An error code."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "too_early",
                    "status": 403,
                    "title": CATALOG["too_early"].title,
                    "hint": CATALOG["too_early"].hint,
                    "meaning": EXPLANATIONS["too_early"].meaning,
                    "causes": list(EXPLANATIONS["too_early"].causes),
                }
            ]
        }
    )

    code: str
    status: int
    title: str = Field(description="A short name of the problem.")
    hint: str = Field(description="What to do next.")
    meaning: str = Field(description="What has happened, in Markdown. Empty if the title says it.")
    causes: list[str] = Field(description="The usual causes, in Markdown.")


@router.get(
    "/problems/{code}",
    summary="Explain an error code",
    response_model=ProblemKind,
    responses={
        200: {"content": {HTML: {"schema": {"type": "string"}}, MARKDOWN: {"schema": {"type": "string"}}}},
        **described("path_not_found", "invalid_request", "rate_limited"),
    },
)
async def get_problem(
    request: Request, code: Annotated[str, Path(description="The error code.", examples=["too_early"])]
) -> Response:
    """Returns the explanation of an error code: a page for browsers, or Markdown or JSON, as `Accept` says. This is the
    URL in the `type` of problem documents."""
    kind = CATALOG.get(code)
    if kind is None:
        raise PathNotFound(f"There is no error code {code!r}. See `/docs`.")
    explanation = EXPLANATIONS.get(code, Explanation(""))
    response = _represented(kind, explanation, preferred_type(accept_of(request.headers), _TYPES), _root(request))
    response.headers["Vary"] = "Accept"
    return response


@router.get("/problem-pages/{name}", include_in_schema=False)
async def send_problem_file(request: Request, name: str) -> Response:
    return static_file(STATIC, name).response(request)


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def _represented(kind: ErrorKind, explanation: Explanation, media_type: str | None, root: str) -> Response:
    if media_type == HTML:
        content = _templates.get_template("problem.html").render(
            kind=kind, explanation=explanation, example=_example(kind), root=root
        )
        return HTMLResponse(content, headers=_HTML_HEADERS)
    if media_type == MARKDOWN:
        return Response(as_markdown(kind.code), media_type=MARKDOWN)
    return JSONResponse(
        ProblemKind(
            code=kind.code,
            status=kind.status,
            title=kind.title,
            hint=kind.hint,
            meaning=explanation.meaning,
            causes=list(explanation.causes),
        ).model_dump()
    )


def as_markdown(code: str) -> str:
    """The page of an error code. The documentation site has it, too."""
    kind, explanation = CATALOG[code], EXPLANATIONS.get(code, Explanation(""))
    parts = [f"# {kind.title}", f"{kind.status} `{kind.code}`"]
    if explanation.meaning:
        parts.append(explanation.meaning)
    parts += ["## What to do", kind.hint]
    if explanation.causes:
        parts += ["## Usual causes", "\n".join(f"- {cause}" for cause in explanation.causes)]
    return "\n\n".join([*parts, "## Example", f"```json\n{_example(kind)}\n```"]) + "\n"


def _example(kind: ErrorKind) -> str:
    """A problem document with this code."""
    document = {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "code": kind.code,
        "detail": kind.hint,
        "request_id": headers.REQUEST_ID.example,
    }
    return json.dumps(document, indent=2)

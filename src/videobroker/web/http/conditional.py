"""Conditional requests (RFC 9110, section 13): `ETag`, `If-Match`, and `If-None-Match`.

The entity tag of a response is a digest of its body. It is strong: it changes whenever the body changes, and differs
between callers who see different fields. Use cases evaluate preconditions under the lock under which they write.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from videobroker.errors import InvalidInput, PreconditionFailed
from videobroker.usecases.preconditions import Precondition

Body = TypeVar("Body", bound=BaseModel)
State = TypeVar("State")

TAG_BYTES = 16
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_EACH_TAG = re.compile(_TAG)
ANY = "*"
"""Matches every representation of a resource that exists."""

IfMatchHeader = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The `ETag` of the version that you have read. If the resource has changed since, nothing is done, "
        "and the response is a 412. `*` matches every version of a resource that exists.",
        examples=['"2Xn7k9QpT0mV5rYcWb1eAg"'],
    ),
]
IfNoneMatchHeader = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="The `ETag` of the version that you have. If it is current, the response is a 304 without a body.",
        examples=['"2Xn7k9QpT0mV5rYcWb1eAg"'],
    ),
]
CreateOnlyHeader = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="`*` only creates: if the resource exists, nothing is done, and the response is a 412.",
        examples=["*"],
    ),
]

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified since the version that you have"}}
"""The response of a conditional GET in the OpenAPI document."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The preconditions of a request, and its response, which gets the entity tag."""

    response: Response
    if_match: Collection[str] | None
    if_none_match: Collection[str] | None

    def on(self, present: Callable[[State], BaseModel]) -> Precondition[State] | None:
        """The precondition of a write; None if there is none. `present` creates the body that GET returns."""
        if self.if_match is None and self.if_none_match is None:
            return None
        return lambda state: self._check(None if state is None else entity_tag(present(state)))

    def tagged(self, body: Body) -> Body:
        """The body of a response that gets its entity tag."""
        self.response.headers["ETag"] = entity_tag(body)
        return body

    def read(self, body: Body) -> Body | Response:
        """The body of a response to GET, or a 304. Raises `PreconditionFailed`."""
        tag = entity_tag(body)
        if self.if_match is not None and not _matches_strongly(self.if_match, tag):
            raise _changed()
        if self.if_none_match is not None and _matches_weakly(self.if_none_match, tag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
        self.response.headers["ETag"] = tag
        return body

    def _check(self, tag: str | None) -> None:
        if self.if_match is not None and (tag is None or not _matches_strongly(self.if_match, tag)):
            raise _changed()
        if self.if_none_match is not None and tag is not None and _matches_weakly(self.if_none_match, tag):
            raise PreconditionFailed("The resource already exists in a version that `If-None-Match` excludes.")


def set_created(request: Request, response: Response) -> None:
    """Respond 201 to a PUT that created the resource of its URL."""
    response.status_code = HTTPStatus.CREATED
    response.headers["Location"] = quote(request.scope["path"])


def entity_tag(body: BaseModel) -> str:
    """The strong entity tag of a body. The order of the members of its objects is irrelevant."""
    return _digest(body.model_dump(mode="json", by_alias=True))


def _digest(fields: Mapping[str, Any]) -> str:
    content = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(content).digest()[:TAG_BYTES]
    return f'"{base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}"'


def _matches_strongly(tags: Collection[str], tag: str) -> bool:
    """Weak tags never match: they do not say that the body is the same."""
    return ANY in tags or tag in tags


def _matches_weakly(tags: Collection[str], tag: str) -> bool:
    return ANY in tags or tag in {each.removeprefix("W/") for each in tags}


def _changed() -> PreconditionFailed:
    return PreconditionFailed(
        "It has changed since the version that `If-Match` names. Read it again, and retry with its new `ETag`."
    )


def _tags(request: Request, name: str) -> frozenset[str] | None:
    """The entity tags of a header. Raises `InvalidInput`: ignoring a guard against lost updates would lose one."""
    lines = request.headers.getlist(name)
    if not lines:
        return None
    value = ",".join(lines).strip(" \t")
    if value == ANY:
        return frozenset({ANY})
    if not _TAGS.fullmatch(value):
        raise InvalidInput(f'Send `*` or entity tags in double quotes in `{name}`, such as `"2Xn7k9QpT0mV5rYcWb1eAg"`.')
    return frozenset(_EACH_TAG.findall(value))


def _conditions(request: Request, response: Response) -> Conditions:
    return Conditions(response, _tags(request, "If-Match"), _tags(request, "If-None-Match"))


async def read_conditions(
    request: Request, response: Response, _: IfMatchHeader = None, __: IfNoneMatchHeader = None
) -> Conditions:
    return _conditions(request, response)


async def create_conditions(
    request: Request, response: Response, _: IfMatchHeader = None, __: CreateOnlyHeader = None
) -> Conditions:
    return _conditions(request, response)


async def change_conditions(request: Request, response: Response, _: IfMatchHeader = None) -> Conditions:
    return _conditions(request, response)


ReadConditions = Annotated[Conditions, Depends(read_conditions)]
"""For GET."""
CreateConditions = Annotated[Conditions, Depends(create_conditions)]
"""For PUT that creates or replaces."""
ChangeConditions = Annotated[Conditions, Depends(change_conditions)]
"""For PATCH and DELETE."""

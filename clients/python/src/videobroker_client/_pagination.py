"""Lists that the service returns page by page."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from videobroker_client._async_transport import AsyncTransport
from videobroker_client._requests import ApiRequest
from videobroker_client._transport import Transport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list."""

    data: list[T]
    next: str | None
    """The cursor of the next page; None on the last one."""


class Paginator(Generic[T]):
    """A list. Iterate over it to get all items; pages are requested when they are needed."""

    def __init__(self, transport: Transport, request: ApiRequest, decode: Callable[[Any], T]) -> None:
        self._transport = transport
        self._request = request
        self._decode = decode

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.data

    def page(self) -> Page[T]:
        """The first page, or the one at the `cursor` that was passed."""
        return next(self.pages())

    def pages(self) -> Iterator[Page[T]]:
        """All pages, each requested when it is needed."""
        request = self._request
        while True:
            raw = self._transport.send_for_json(request)
            page = self._transport.decode(request, raw, lambda body: _page(body, self._decode))
            yield page
            if page.next is None:
                return
            request = _following(request, page.next)


class AsyncPaginator(Generic[T]):
    """A list. Iterate over it with `async for` to get all items; pages are requested when they are needed."""

    def __init__(self, transport: AsyncTransport, request: ApiRequest, decode: Callable[[Any], T]) -> None:
        self._transport = transport
        self._request = request
        self._decode = decode

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for each in page.data:
                yield each

    async def page(self) -> Page[T]:
        """The first page, or the one at the `cursor` that was passed."""
        return await anext(self.pages())

    async def pages(self) -> AsyncIterator[Page[T]]:
        """All pages, each requested when it is needed."""
        request = self._request
        while True:
            raw = await self._transport.send_for_json(request)
            page = self._transport.decode(request, raw, lambda body: _page(body, self._decode))
            yield page
            if page.next is None:
                return
            request = _following(request, page.next)


def _page(raw: Any, decode: Callable[[Any], T]) -> Page[T]:
    return Page([decode(each) for each in raw["data"]], raw["next"])


def _following(request: ApiRequest, cursor: str) -> ApiRequest:
    return replace(request, query={**request.query, "cursor": cursor})

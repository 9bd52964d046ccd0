"""Searches that return everything: several in one request, and what does not fit into it as of one point in time.

A large read is parted into slices, which are fetched ahead in threads of their own while what came is being read. How
a request reaches the cluster is the caller's part.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import chain, zip_longest
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from tracelog.errors import StoreError, StoreRejectedError
from tracelog.store.elastic import answers
from tracelog.store.elastic.answers import Answer, Answers, Hit, Page, Request

Body = Mapping[str, Any]
_Page = TypeVar("_Page")


class Part(msgspec.Struct, frozen=True):
    """Some of what a search finds: the body that finds it, and as what a page of it is read."""

    body: Body
    page: type[Page[Hit]] = Page[Hit]


class Search(msgspec.Struct, frozen=True):
    """An index pattern, and the body of a search. Its order is by one field of numbers or times, or any.

    `parts`: what finds the same, in any order, and is read instead where there is much of it.
    """

    index: str
    body: Body
    parts: Sequence[Part] = ()


Pages = Iterator[list[Hit]]

LARGEST_PAGE = 10_000
"""How many hits a search may return, and how deep it may start: `index.max_result_window`."""

_AT_ONCE = 100
_FIRST_PAGE = 1000
_SLICES = 2
_KEEP_ALIVE = "5m"
_EACH = {"_shard_doc": "asc"}
# A store that was never written to holds nothing, which is no error; one that cannot be read as a whole is one.
_WHOLE = {"ignore_unavailable": True, "allow_no_indices": True, "allow_partial_search_results": False}


class Searcher:
    """Runs searches on one cluster. One that the cluster rejects is noted, and finds nothing, if others succeed."""

    def __init__(self, url: str, request: Request, note: Callable[[str], None]) -> None:
        self._url = url
        self._request = request
        self._note = note

    def at_once(self, searches: Sequence[Search]) -> list[Answer]:
        """Run several searches, in as few requests as that takes."""
        found: list[Answer] = []
        for start in range(0, len(searches), _AT_ONCE):
            chunk = searches[start : start + _AT_ONCE]
            lines = (line for search in chunk for line in ({"index": search.index, **_WHOLE}, search.body))
            asked = b"\n".join(msgspec.json.encode(line) for line in lines) + b"\n"
            found += self._request("POST", "/_msearch", asked, answer=Answers).responses
        failed = [
            (search.index, answers.error(self._url, answer.status, answer.error))
            for search, answer in zip(searches, found, strict=True)
            if answer.error is not None
        ]
        for index, error in failed:
            if len(failed) == len(found) or not isinstance(error, StoreRejectedError):
                raise error
            self._note(f"{index} was passed over: {error}")
        return found

    def all_hits(self, searches: Sequence[Search], first_page: int | None = None) -> list[list[Hit]]:
        """Return the hits of several searches in any order: from one request but for those that do not fit into it.

        These are fetched at the same time, and before any is decoded, for that would keep those who fetch waiting.
        """
        size = first_page or _FIRST_PAGE
        found = [first.hits.hits for first in self.at_once([_sized(search, size) for search in searches])]
        large = [place for place, hits in enumerate(found) if len(hits) >= size]
        if large:
            with ThreadPoolExecutor(len(large)) as threads:
                for place, hits in zip(large, threads.map(lambda at: self._whole(searches[at]), large), strict=True):
                    found[place] = hits
        return found

    def _whole(self, search: Search) -> list[Hit]:
        return list(self._pages(search, LARGEST_PAGE, _in_turn))

    def streams(self, searches: Sequence[Search], first_page: int | None = None) -> list[Iterable[Hit]]:
        """Return the hits of several searches, each in its order: the first of all of them from one request."""
        size = first_page or _FIRST_PAGE
        firsts = self.at_once([_sized(search, size) for search in searches])
        return [
            first.hits.hits if len(first.hits.hits) < size else self._stream(search, first.hits.hits)
            for search, first in zip(searches, firsts, strict=True)
        ]

    def _stream(self, search: Search, first: Sequence[Hit]) -> Iterator[Hit]:
        """Yield what was found, then what is behind it as of now; in any order, all as of now."""
        (order,) = search.body["sort"]
        if not isinstance(order, Mapping):
            yield from self._pages(search, LARGEST_PAGE, _in_turn)
            return
        yield from first
        known = {(hit.index, hit.id) for hit in first}
        for hit in self._pages(search, _FIRST_PAGE, _merged(order)):
            if (hit.index, hit.id) not in known:
                yield hit

    def _pages(self, search: Search, size: int, merge: Callable[..., Iterable[Hit]]) -> Iterator[Hit]:
        """Yield all hits of a search as of now, in slices that are fetched at the same time; `size`: of first pages."""
        with self._point_in_time(search.index) as point, ThreadPoolExecutor(_SLICES) as threads:
            parts = search.parts or (Part(search.body),)
            slices = [self._slice(point, part, size, number) for part in parts for number in range(_SLICES)]
            try:
                yield from merge(*[ahead(threads, pages) for pages in slices])
            finally:  # where the rest is not wanted
                threads.shutdown(wait=False, cancel_futures=True)

    def _slice(self, point: str, part: Part, size: int, number: int) -> Pages:
        """Yield the hits of a slice in pages that grow; `_shard_doc` is different for each."""
        orders = [_EACH if order == "_doc" else order for order in part.body["sort"]]
        search = {**part.body, "sort": orders if _EACH in orders else [*orders, _EACH], "track_total_hits": False}
        while True:
            search |= {"size": size, "pit": {"id": point, "keep_alive": _KEEP_ALIVE}}
            search["slice"] = {"id": number, "max": _SLICES}
            answer = self._request("POST", "/_search", search, answer=part.page, allow_partial_search_results=False)
            yield answer.hits.hits
            if len(answer.hits.hits) < size:
                return
            point, size = answer.pit_id or point, LARGEST_PAGE
            search["search_after"] = answer.hits.hits[-1].sort

    @contextmanager
    def _point_in_time(self, index: str) -> Iterator[str]:
        """Hold the state of an index; it is let go in any case."""
        path = f"/{quote(index, safe='*,:')}/_pit"
        opened = self._request("POST", path, answer=_PointInTime, keep_alive=_KEEP_ALIVE, ignore_unavailable=True)
        try:
            yield opened.id
        finally:
            with suppress(StoreError):  # it expires by itself
                self._request("DELETE", "/_pit", {"id": opened.id}, answer=dict)


class _PointInTime(msgspec.Struct):
    id: str


def _sized(search: Search, size: int) -> Search:
    return msgspec.structs.replace(search, body={**search.body, "size": size, "track_total_hits": False})


def ahead(threads: ThreadPoolExecutor, pages: Iterator[_Page]) -> Iterator[_Page]:
    """Return pages, of which the next is fetched while one is read, beginning now."""

    def following(coming: Future[_Page | None]) -> Iterator[_Page]:
        while (page := coming.result()) is not None:
            coming = threads.submit(next, pages, None)
            yield page

    return following(threads.submit(next, pages, None))


def _in_turn(*slices: Pages) -> Iterator[Hit]:
    """Return the hits of slices, a page of each in turn."""
    return chain.from_iterable(chain.from_iterable(zip_longest(*slices, fillvalue=())))


def _merged(by: Mapping[str, Any]) -> Callable[..., Iterable[Hit]]:
    """Return what puts slices together in the order that each has."""
    ((_, order),) = by.items()
    descending = order["order"] == "desc"

    def merge(*slices: Pages) -> Iterable[Hit]:
        hits = (chain.from_iterable(pages) for pages in slices)
        return heapq.merge(*hits, key=lambda hit: hit.sort[0], reverse=descending)

    return merge

"""Searches that return everything: several at once, or one in pages as of one point in time.

How a request reaches the cluster is the caller's part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import msgspec

from tracelog.errors import StoreError
from tracelog.store import elasticsearch_answers as answers
from tracelog.store.elasticsearch_answers import Answer, Answers, Hit, Request
from tracelog.store.elasticsearch_queries import LARGEST_PAGE

Search = tuple[str, Mapping[str, Any]]
"""An index pattern, and the body of a search."""

_AT_ONCE = 100
_FIRST_PAGE = 1000
_KEEP_ALIVE = "5m"
# A store that was never written to holds nothing, which is no error; one that cannot be read as a whole is one.
_WHOLE = {"ignore_unavailable": True, "allow_no_indices": True, "allow_partial_search_results": False}


class Searcher:
    """Runs searches on one cluster."""

    def __init__(self, url: str, request: Request) -> None:
        self._url = url
        self._request = request

    def at_once(self, *searches: Search) -> list[Answer]:
        """Run several searches, in as few requests as that takes."""
        found: list[Answer] = []
        for start in range(0, len(searches), _AT_ONCE):
            chunk = searches[start : start + _AT_ONCE]
            lines = (part for index, body in chunk for part in ({"index": index, **_WHOLE}, body))
            asked = b"\n".join(msgspec.json.encode(line) for line in lines) + b"\n"
            found += self._request("POST", "/_msearch", asked, answer=Answers).responses
        for answer in found:
            if answer.error is not None:
                raise answers.error(self._url, answer.status, answer.error)
        return found

    def one(self, index: str, body: Mapping[str, Any]) -> Answer:
        """Run one search."""
        (answer,) = self.at_once((index, body))
        return answer

    def whole(self, *searches: Search) -> list[Iterable[Hit]]:
        """Return all hits of several searches: from one request, unless one of them has more than fit into it."""
        first = self.at_once(*((index, {**body, "size": LARGEST_PAGE}) for index, body in searches))
        return [
            answer.hits.hits if len(answer.hits.hits) < LARGEST_PAGE else self.pages(*search)
            for answer, search in zip(first, searches, strict=True)
        ]

    def pages(self, index: str, body: Mapping[str, Any]) -> Iterator[Hit]:
        """Yield all hits of a search as of now, in pages that grow; the point in time is closed in any case."""
        point, size = self._open(index), _FIRST_PAGE
        search = {**body, "sort": [*body["sort"], {"_shard_doc": "asc"}], "track_total_hits": False}
        try:
            while True:
                search |= {"size": size, "pit": {"id": point, "keep_alive": _KEEP_ALIVE}}
                answer = self._request("POST", "/_search", search, answer=Answer, allow_partial_search_results=False)
                yield from answer.hits.hits
                if len(answer.hits.hits) < size:
                    return
                point, size = answer.pit_id or point, LARGEST_PAGE
                search["search_after"] = answer.hits.hits[-1].sort
        finally:
            with suppress(StoreError):  # it expires by itself
                self._request("DELETE", "/_pit", {"id": point}, answer=dict)

    def _open(self, index: str) -> str:
        path = f"/{quote(index, safe='*,')}/_pit"
        opened = self._request("POST", path, answer=_PointInTime, keep_alive=_KEEP_ALIVE, ignore_unavailable=True)
        return opened.id


class _PointInTime(msgspec.Struct):
    id: str

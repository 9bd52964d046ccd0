"""Three real nodes are one cluster, which outlives each of them."""

from __future__ import annotations

from pathlib import Path

import elasticsearch
import pytest
from conftest import VERSIONS

from .cluster import Cluster

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.elasticsearch, pytest.mark.timeout(600)]


@pytest.mark.skipif("://" in VERSIONS[-1], reason="a node that runs already is not a cluster that may be killed")
def test_a_cluster_goes_on_without_the_node_that_was_killed_and_takes_it_back(tmp_path: Path) -> None:
    with Cluster(VERSIONS[-1], tmp_path) as cluster:
        with elasticsearch.Elasticsearch(cluster.urls) as client:
            client.indices.create(index="lines")
        cluster.await_green()
        for killed, url in enumerate(cluster.urls):
            others = [other for other in cluster.urls if other != url]
            with elasticsearch.Elasticsearch(others) as client:
                client.index(index="lines", id=f"before-{killed}", document={"text": "stored on two nodes at least"})
                cluster.kill(killed)
                client.index(index="lines", id=f"after-{killed}", document={"text": "stored while one is down"})
            with pytest.raises(elasticsearch.ConnectionError), elasticsearch.Elasticsearch(url, max_retries=0) as down:
                down.count(index="lines")
            cluster.start(killed)
        with elasticsearch.Elasticsearch(cluster.urls[0]) as client:
            client.indices.refresh(index="lines")
            found = client.search(index="lines", size=10)
        ids = {hit["_id"] for hit in found["hits"]["hits"]}
        assert ids == {f"{time}-{number}" for time in ("before", "after") for number in range(3)}

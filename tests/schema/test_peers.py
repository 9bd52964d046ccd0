"""Whom a span calls, by each of the attributes that may name it."""

from __future__ import annotations

from typing import Any

import pytest

from tracelog.schema.peers import peer_of

NAMED: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"db.system": "postgresql"}, "postgresql"),
    ({"db.system": "postgresql", "db.name": "orders", "server.address": "pg-1"}, "postgresql/orders"),
    ({"db.system.name": "mysql", "db.namespace": "ts", "db.system": "old"}, "mysql/ts"),
    ({"peer.service": "bank", "db.system": "postgresql"}, "bank"),
    ({"service.peer.name": "bank", "peer.service": "old"}, "bank"),
    ({"messaging.system": "kafka", "messaging.destination.name": "placed"}, "kafka/placed"),
    (
        {
            "messaging.system": "rabbitmq", "messaging.destination.name": "amq.gen-1",
            "messaging.destination.temporary": True,
        },
        "rabbitmq",
    ),
    (
        {"messaging.system": "sqs", "messaging.destination.template": "t/{id}", "messaging.destination.name": "t/7"},
        "sqs/t/{id}",
    ),
    ({"server.address": "orders", "server.port": 8080}, "orders:8080"),
    ({"net.peer.name": "orders", "net.peer.port": "8080"}, "orders:8080"),
    ({"server.address": "/var/run/docker.sock"}, "/var/run/docker.sock"),
    ({"url.full": "https://api.example.com/v1?x=1"}, "api.example.com:443"),
    ({"http.url": "http://user:password@api:81/v1"}, "api:81"),
    ({"http.url": "http://[::1"}, None),
    ({"http.url": "/v1/only/a/path"}, None),
    ({"network.peer.address": "10.0.0.7", "network.peer.port": 5432}, "10.0.0.7:5432"),
    ({"rpc.service": "shop.Cart"}, "shop.Cart"),
    ({"span.destination.service.resource": "redis"}, "redis"),
    ({"db.system": "", "server.address": ["a", "b"], "peer.service": {"not": "text"}}, None),
]  # fmt: skip


@pytest.mark.parametrize(("held", "expected"), NAMED)
def test_whom_a_span_calls_is_named_by_its_attributes(held: dict[str, Any], expected: str | None) -> None:
    assert peer_of(held) == expected

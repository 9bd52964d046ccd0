"""The Elastic Common Schema's names of fields -> those of OpenTelemetry's semantic conventions, where they are known.

Both Elastic layouts use them. A name that is not here is its own, as are those that the schemas share
(`http.request.method`, `url.full`, `user_agent.original`, `cloud.region`). Source: what Elastic's APM Server makes of
OTLP (elastic/apm-data, `input/otlp`), read backwards, and https://opentelemetry.io/docs/specs/semconv/.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

SPAN_KINDS = ("INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
"""OpenTelemetry's, but for UNSPECIFIED."""

RESOURCE_GROUPS = frozenset(
    ("service", "agent", "host", "cloud", "container", "kubernetes", "orchestrator", "process"),
)
"""The objects that tell of the process that wrote a document, and of where it ran."""

_NO_RESOURCE = ("service.target.", "process.thread.")
_LABELS = ("labels.", "numeric_labels.")
_BOOKKEEPING = ("data_stream.", "ecs.version", "processor.")
"""Fields that say how a document is stored, not what happened."""

RESOURCE_NAMES: Mapping[str, str] = {
    "service.environment": "deployment.environment.name",
    "service.node.name": "service.instance.id",
    "service.language.name": "telemetry.sdk.language",
    "service.runtime.name": "process.runtime.name",
    "service.runtime.version": "process.runtime.version",
    "host": "host.name",
    "host.hostname": "host.name",
    "host.architecture": "host.arch",
    "host.os.type": "os.type",
    "host.os.name": "os.name",
    "host.os.full": "os.description",
    "host.os.version": "os.version",
    "cloud.service.name": "cloud.platform",
    "cloud.machine.type": "host.type",
    "kubernetes.namespace": "k8s.namespace.name",
    "kubernetes.node.name": "k8s.node.name",
    "kubernetes.pod.name": "k8s.pod.name",
    "kubernetes.pod.uid": "k8s.pod.uid",
    "kubernetes.container.name": "k8s.container.name",
    "kubernetes.deployment.name": "k8s.deployment.name",
    "orchestrator.cluster.name": "k8s.cluster.name",
    "process.parent.pid": "process.parent_pid",
    "process.ppid": "process.parent_pid",
    "process.args": "process.command_args",
    "process.executable": "process.executable.path",
}

ATTRIBUTE_NAMES: Mapping[str, str] = {
    "http.version": "network.protocol.version",
    "http.request.body.bytes": "http.request.body.size",
    "http.response.body.bytes": "http.response.body.size",
    "client.ip": "client.address",
    "source.ip": "source.address",
    "faas.id": "cloud.resource_id",
    "faas.execution": "faas.invocation_id",
    "faas.trigger.type": "faas.trigger",
    "span.code.stacktrace": "code.stacktrace",
    "span.db.instance": "db.namespace",
    "span.db.statement": "db.query.text",
    "span.db.type": "db.system.name",
    "span.http.method": "http.request.method",
    "span.http.response.status_code": "http.response.status_code",
    "span.http.url.original": "url.original",
    "span.message.queue.name": "messaging.destination.name",
    "span.message.routing_key": "messaging.rabbitmq.destination.routing_key",
    "transaction.message.queue.name": "messaging.destination.name",
    "transaction.message.routing_key": "messaging.rabbitmq.destination.routing_key",
    "process.thread.id": "thread.id",
    "process.thread.name": "thread.name",
    "log.origin.file.name": "code.file.path",
    "log.origin.file.line": "code.line.number",
    "log.origin.function": "code.function.name",
}


RESOURCE, ATTRIBUTE, LABEL, BOOKKEEPING = "resource", "attribute", "label", "bookkeeping"


class Place(NamedTuple):
    """Which of the four a field is, and its new name."""

    kind: str
    name: str
    renamed: bool = False


@lru_cache(8192)
def place(name: str) -> Place:
    """Say where a field goes, given its dotted name. The same few names come in every document."""
    if name.startswith(_LABELS):
        return Place(LABEL, name.partition(".")[2])
    if name.startswith(_BOOKKEEPING):
        return Place(BOOKKEEPING, name)
    if name.partition(".")[0] in RESOURCE_GROUPS and not name.startswith(_NO_RESOURCE):
        return Place(RESOURCE, RESOURCE_NAMES.get(name, name), name in RESOURCE_NAMES)
    return Place(ATTRIBUTE, ATTRIBUTE_NAMES.get(name, name), name in ATTRIBUTE_NAMES)


def add_field(fields: dict[str, Any], place: Place, value: Any) -> None:
    """Add a field under its new name; one that has the name by itself is not replaced."""
    if place.renamed:
        fields.setdefault(place.name, value)
    else:
        fields[place.name] = value


def add_labels(attributes: dict[str, Any], labels: Mapping[str, Any]) -> None:
    """Add what users named themselves, under the bare names, without taking the place of a field."""
    for name, value in labels.items():
        attributes.setdefault(name, value)

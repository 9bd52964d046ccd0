"""Who is speaking: `service.name` and the other resource attributes of this process.

They come from what the caller says, then `OTEL_SERVICE_NAME`, then `OTEL_RESOURCE_ATTRIBUTES`
(https://opentelemetry.io/docs/specs/otel/resource/sdk/), with or without the OpenTelemetry SDK.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote


def detect_resource(service: str | None = None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the resource attributes of this process; `service` wins over the environment."""
    resource = {"host.name": socket.gethostname()}
    resource.update(_environment_attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    name = service or environ.get("OTEL_SERVICE_NAME") or resource.get("service.name")
    resource["service.name"] = name or f"unknown_service:{Path(*sys.argv[:1]).name or 'python'}"
    return resource


def _environment_attributes(text: str) -> dict[str, str]:
    """Decode `key=value,key=value` with percent-encoded values; a broken pair is left out, not fatal."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {unquote(key.strip()): unquote(value.strip()) for key, equals, value in pairs if equals and key.strip()}

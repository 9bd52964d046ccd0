"""Store URLs of Elasticsearch: hosts, path prefixes and credentials, parted before anything is printed.

`http(s)://[user:password@]host[:port][/prefix][,host...]`. Whatever stands before the last `@` counts as
credentials, so that no spelling of a password ends up in a host name, and with it in an error text.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tracelog.errors import ConfigurationError

_PORTS = {"http": 9200, "https": 443}


class Address(NamedTuple):
    """Where a cluster is. `url` holds no credentials and may be printed; `hosts` have their ports filled in."""

    url: str
    hosts: tuple[str, ...]
    credentials: tuple[str, str] | None = None


def parse_address(text: str) -> Address:
    """Part a store URL. Raise ConfigurationError, without the credentials, where it cannot be one."""
    scheme, _, rest = text.partition("://")
    secret, _, named = rest.rpartition("@")
    url = f"{scheme}://{named}"
    if scheme not in _PORTS or not named:
        raise ConfigurationError(f"not an Elasticsearch URL: {url!r} (expected http(s)://host:9200)")
    if "@" in secret and "," in secret and ":" in secret.rpartition(",")[2]:
        raise ConfigurationError(f"{url!r}: name user and password once, before the first host of several")
    hosts = tuple(_host(scheme, host.strip().removeprefix(f"{scheme}://"), url) for host in named.split(","))
    return Address(url, hosts, _credentials(secret, url))


def is_overheard(address: Address) -> bool:
    """Say whether what is sent there goes over a network as it is: plain http to a host that is not this one."""
    return any(
        host.startswith("http://") and not _is_this_host(urlsplit(host).hostname or "") for host in address.hosts
    )


def _is_this_host(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _host(scheme: str, host: str, url: str) -> str:
    parts = urlsplit(f"{scheme}://{host}")
    try:
        port = parts.port or _PORTS[scheme]
    except ValueError:
        port = 0
    if not parts.hostname or not port or parts.query or parts.fragment:
        raise ConfigurationError(f"{url!r} names no host that can be reached: {host!r} (expected host:9200)")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{name}:{port}{parts.path.rstrip('/')}"


def _credentials(secret: str, url: str) -> tuple[str, str] | None:
    if not secret:
        return None
    user, colon, password = secret.partition(":")
    if not colon:
        raise ConfigurationError(f"{url!r}: a user without a password (expected user:password@host)")
    return unquote(user), unquote(password)

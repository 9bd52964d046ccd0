"""The shop's database, one SQLite file: the orders, and a table that serves as the queue of placed ones."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_TABLES = """
CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT, sku TEXT, quantity INTEGER);
CREATE TABLE messages (id INTEGER PRIMARY KEY, body TEXT, headers TEXT);
"""


class Message(NamedTuple):
    """A message from the queue; `headers` carry trace context and baggage."""

    body: dict[str, Any]
    headers: dict[str, str]


class Database:
    """A connection to the shop's file. For use by one thread."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        self.connection.execute("PRAGMA synchronous = OFF")

    def create(self) -> None:
        """Make the tables, in a file that other processes may read and write at the same time."""
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.executescript(_TABLES)

    def add_order(self, order: Mapping[str, Any]) -> None:
        """Write an order down."""
        cursor = self.connection.cursor()
        values = (order["order_id"], order["customer"], order["sku"], order["quantity"])
        cursor.execute("INSERT INTO orders (id, customer, sku, quantity) VALUES (?, ?, ?, ?)", values)

    def publish(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Put a message at the end of the queue."""
        cursor = self.connection.cursor()
        values = (json.dumps(body), json.dumps(headers))
        cursor.execute("INSERT INTO messages (body, headers) VALUES (?, ?)", values)

    def take(self, limit: int) -> list[Message]:
        """Take up to `limit` messages off the queue, the oldest first. There is one consumer."""
        query = "SELECT id, body, headers FROM messages ORDER BY id LIMIT ?"
        rows = self.connection.execute(query, (limit,)).fetchall()
        if rows:
            self.connection.execute("DELETE FROM messages WHERE id <= ?", (rows[-1][0],))
        return [Message(json.loads(body), json.loads(headers)) for _, body, headers in rows]

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

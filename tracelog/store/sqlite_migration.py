"""The first layout of the embedded store -> the one of now, when a file is opened that has it.

There a document stood in the row of its span or line, and each index over the whole of its table.
"""

from __future__ import annotations

import sqlite3

FROM = 1
_TABLES = ("spans", "logs", "links", "id_terms")
_COPY = """
INSERT INTO traces (trace_id)
    SELECT trace_id FROM old_spans UNION SELECT ifnull(trace_id, '') FROM old_logs
    UNION SELECT trace_id FROM old_id_terms;
INSERT INTO documents SELECT rowid, document FROM old_spans ORDER BY rowid;
INSERT INTO spans SELECT
    old_spans.rowid, id, trace, span_id, service, name, kind, status, start, duration,
    CASE WHEN root THEN 'root' WHEN entry THEN 'entry' END
    FROM old_spans JOIN traces USING (trace_id) ORDER BY old_spans.rowid;
INSERT INTO links SELECT DISTINCT trace_id, span FROM old_links;
INSERT INTO documents SELECT
    (SELECT ifnull(max(rowid), 0) FROM old_spans) + rowid, document FROM old_logs ORDER BY rowid;
INSERT INTO logs SELECT
    (SELECT ifnull(max(rowid), 0) FROM old_spans) + old_logs.rowid, id, trace, span_id, service, time, severity, event
    FROM old_logs JOIN traces ON traces.trace_id = ifnull(old_logs.trace_id, '') ORDER BY old_logs.rowid;
INSERT INTO id_terms SELECT 0, value, key, trace, count FROM old_id_terms JOIN traces USING (trace_id)
"""


def put_aside(connection: sqlite3.Connection) -> None:
    """Rename the old tables and drop their indexes, within the transaction that is open."""
    indexes = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for (index,) in indexes:
        connection.execute(f"DROP INDEX {index}")
    for table in _TABLES:
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")


def bring_back(connection: sqlite3.Connection) -> None:
    """Fill the new tables from the old ones, and drop these."""
    for statement in _COPY.split(";"):
        connection.execute(statement)
    for table in _TABLES:
        connection.execute(f"DROP TABLE old_{table}")

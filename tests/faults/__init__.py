"""What must not lose, block or break, and the instruments that try it: a proxy, an oracle and a cluster.

`proxy` stands before a real node and plays faults out of `replies` (connections and answers) and `bulk_items` (single
items of a bulk). `oracle` says what was lost of what `emitter` processes logged, which run `programs`. `shipping` is a
logger of the test's own and what it has to come to; `damage` spoils a spool; `cluster` is three nodes. The tests beside
are named after the rows of the fault table.
"""

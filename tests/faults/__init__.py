"""What must not lose, block or break, and the instruments that try it: a proxy, an oracle and a cluster.

`proxy` stands before a real node and plays faults out of `replies` (connections and answers) and `bulk_items` (single
items of a bulk). `oracle` starts processes that log, kills them, and says what was lost. `cluster` is three nodes.
"""

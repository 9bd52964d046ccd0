"""The tests of what the call knew: ids, values and exceptions on records, events and spans."""

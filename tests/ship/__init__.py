"""The tests of the way from a log call to the store."""

"""What the Elasticsearch store is made of, all of it without the client: questions as bodies, answers as values.

sources, fields        which layouts a cluster holds, in which indices, and how these map their fields
filters, queries       what is asked for, as query clauses and as search bodies
search, reading        searches that return everything; questions to all sources, decoded by their layouts
finding, lists, operations, traces    the questions themselves
templates, writing, fates             index templates, batches, and what became of each document
address, answers       the URL of a cluster, and what it says
"""

"""The example shop: the order system of every tracing textbook, as real processes that talk real HTTP.

    api-gateway  POST /orders
    ├── auth-service  GET /verify
    └── orders-service  POST /orders
        ├── INSERT INTO orders                    SQLite
        ├── inventory-service  POST /reserve
        │   ├── get, and on a miss set            a cache that speaks memcached's protocol
        │   └── external-wms  POST /stock         on a cache miss; up to three attempts of 2.5 s
        └── publish orders.placed                 a table as the queue
              ⇢ fulfilment-worker                 later, in traces of its own: one per order, one per 50

Trace context and the order id (as baggage) travel by the standard OpenTelemetry instrumentations. Every
service sets its logs up in another way, as fleets do; each file shows one. One customer's stock cannot be
read in time, so that one checkout takes eight seconds while the 99th percentile stays normal.
"""

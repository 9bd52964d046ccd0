"""The load: checkouts of many customers, one of them the customer for whom the warehouse stalls."""

from __future__ import annotations

import asyncio
import secrets
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

UNLUCKY_CUSTOMER = "cust-4711"
AT_A_TIME = 8
PAUSE_S = 0.02
TIMEOUT_S = 30.0
_CUSTOMERS = 97
_ARTICLES = 40


class Checkout(NamedTuple):
    """What one customer orders."""

    order_id: str
    customer: str
    sku: str
    quantity: int


class Checkouts(NamedTuple):
    """What became of the load. `durations`: ns, as the client saw them, the shortest first."""

    slow_order_id: str
    slow_customer: str
    failures: int
    durations: list[int]


def plan(count: int) -> list[Checkout]:
    """Return `count` different checkouts; the unlucky one comes early, so that the others run beside it."""
    run = secrets.token_hex(2)
    checkouts = [
        Checkout(
            order_id=f"ord-{run}-{number:04}",
            customer=f"cust-{1000 + number * 7 % _CUSTOMERS}",
            sku=f"sku-{100 + number * 11 % _ARTICLES}",
            quantity=1 + number % 3,
        )
        for number in range(count)
    ]
    unlucky = min(max(count // 10, 1), count - 1)
    checkouts[unlucky] = checkouts[unlucky]._replace(customer=UNLUCKY_CUSTOMER, sku="sku-900")
    return checkouts


def run_checkouts(gateway_url: str, count: int = 300, on_done: Callable[[int], None] | None = None) -> Checkouts:
    """Send `count` checkouts to the gateway. `on_done` is called after each with how many are done."""
    return asyncio.run(_run(gateway_url, plan(count), on_done or (lambda _: None)))


async def _run(gateway_url: str, checkouts: list[Checkout], on_done: Callable[[int], None]) -> Checkouts:
    import httpx

    places = asyncio.Semaphore(AT_A_TIME)
    durations: list[int] = []
    failed: list[str] = []

    async def place(checkout: Checkout) -> None:
        started = perf_counter_ns()
        try:
            ok = await _check_out(client, checkout)
        finally:
            places.release()
        durations.append(perf_counter_ns() - started)
        if not ok:
            failed.append(checkout.order_id)
        on_done(len(durations))

    async with httpx.AsyncClient(base_url=gateway_url, timeout=TIMEOUT_S) as client:
        tasks: list[asyncio.Task[None]] = []
        for checkout in checkouts:
            await places.acquire()
            task = asyncio.create_task(place(checkout))
            if not tasks:  # the first goes alone: services connect and compile what they use only when first asked
                await task
            tasks.append(task)
            await asyncio.sleep(PAUSE_S)
        await asyncio.gather(*tasks)
    slow = next(checkout for checkout in checkouts if checkout.customer == UNLUCKY_CUSTOMER)
    return Checkouts(slow.order_id, slow.customer, len(failed), sorted(durations))


async def _check_out(client: httpx.AsyncClient, checkout: Checkout) -> bool:
    import httpx

    headers = {"x-order-id": checkout.order_id, "authorization": f"Bearer demo-{checkout.customer}"}
    order = {"customer": checkout.customer, "sku": checkout.sku, "quantity": checkout.quantity}
    try:
        response = await client.post("/orders", json=order, headers=headers)
    except httpx.HTTPError:
        return False
    return response.is_success

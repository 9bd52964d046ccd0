"""Which executions keep the ids by themselves, and what `wrap` and the executor do for those that lose them."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from pathlib import Path

import pytest
from opentelemetry.trace import Tracer

from tracelog.capture.context import Stamp, current_stamp
from tracelog.capture.execution import ContextThreadPoolExecutor, wrap

THREADS_INHERIT = bool(getattr(sys.flags, "thread_inherit_context", False))
"""From Python 3.14 on, a free-threaded interpreter hands contexts to threads by itself."""

CHECKOUT = Stamp(1, 1, 1)
KEEPS = None if not THREADS_INHERIT else CHECKOUT

Call = Callable[[], Stamp | None]


async def read() -> Stamp | None:
    await asyncio.sleep(0)
    return current_stamp()


async def in_a_task() -> Stamp | None:
    return await asyncio.create_task(read())


async def in_to_thread() -> Stamp | None:
    return await asyncio.to_thread(current_stamp)


async def in_a_callback() -> Stamp | None:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Stamp | None] = loop.create_future()
    loop.call_soon(lambda: answer.set_result(current_stamp()))
    return await answer


async def in_run_in_executor(call: Call, executor: ThreadPoolExecutor | None = None) -> Stamp | None:
    return await asyncio.get_running_loop().run_in_executor(executor, call)


def in_a_thread(call: Call, kind: Callable[..., threading.Thread] = threading.Thread) -> Stamp | None:
    found: list[Stamp | None] = []
    thread = kind(target=lambda: found.append(call()))
    thread.start()
    thread.join(30)
    return found[0]


def timer(target: Callable[[], object]) -> threading.Timer:
    return threading.Timer(0, target)


def in_a_pool(call: Call) -> Stamp | None:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(30)


def each(call: Call) -> Iterator[Stamp | None]:
    yield call()
    yield call()


@pytest.mark.parametrize("execution", [in_a_task, in_to_thread, in_a_callback])
def test_asyncio_keeps_the_ids_by_itself(tracer: Tracer, execution: Callable[[], object]) -> None:
    async def main() -> object:
        with tracer.start_as_current_span("checkout"):
            return await execution()  # type: ignore[misc]

    assert asyncio.run(main()) == CHECKOUT


@pytest.mark.parametrize("execution", [in_a_thread, partial(in_a_thread, kind=timer), in_a_pool])
def test_threads_timers_and_pools_lose_the_ids_and_wrap_keeps_them(
    tracer: Tracer, execution: Callable[[Call], Stamp | None]
) -> None:
    with tracer.start_as_current_span("checkout"):
        assert execution(current_stamp) == KEEPS
        assert execution(wrap(current_stamp)) == CHECKOUT


def test_run_in_executor_loses_the_ids_and_wrap_or_the_executor_keeps_them(tracer: Tracer) -> None:
    async def main() -> list[Stamp | None]:
        with ContextThreadPoolExecutor(1) as executor, tracer.start_as_current_span("checkout"):
            return [
                await in_run_in_executor(current_stamp),
                await in_run_in_executor(wrap(current_stamp)),
                await in_run_in_executor(current_stamp, executor),
            ]

    assert asyncio.run(main()) == [KEEPS, CHECKOUT, CHECKOUT]


def test_a_generator_runs_in_the_context_of_its_consumer_unless_wrapped(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        plain, wrapped = each(current_stamp), wrap(each)(current_stamp)
    assert list(plain) == [None, None]
    assert list(wrapped) == [CHECKOUT, CHECKOUT]


def test_a_wrapped_coroutine_function_runs_in_the_context_it_was_wrapped_in(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        wrapped = wrap(read)

    async def main() -> tuple[Stamp | None, Stamp | None]:
        return await wrapped(), current_stamp()

    assert inspect.iscoroutinefunction(wrapped)
    assert asyncio.run(main()) == (CHECKOUT, None)


def test_a_wrapped_coroutine_is_cancelled_like_any_other() -> None:
    seen: list[str] = []

    async def wait(started: asyncio.Event) -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        started = asyncio.Event()
        task = asyncio.create_task(wrap(wait)(started))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_a_wrapped_generator_takes_what_is_sent_and_thrown_and_closed() -> None:
    seen: list[object] = []

    def echo() -> Generator[str, str, str]:
        try:
            seen.append((yield "first"))
            yield "second"
        except KeyError:
            yield "caught"
        finally:
            seen.append("closed")
        return "done"

    one = wrap(echo)()
    assert [next(one), one.send("sent"), one.throw(KeyError())] == ["first", "second", "caught"]
    with pytest.raises(StopIteration, match="done"):
        next(one)
    other = wrap(echo)()
    next(other)
    other.close()
    assert seen == ["sent", "closed", "closed"]


def test_a_wrapped_callable_may_run_twice_at_once_and_what_it_sets_stays_its_own(tracer: Tracer) -> None:
    variable = ContextVar("variable", default=0)
    both = threading.Barrier(2, timeout=30)

    def work(number: int) -> tuple[Stamp | None, int, int]:
        before = variable.get()
        variable.set(number)
        both.wait()
        return current_stamp(), before, variable.get()

    with tracer.start_as_current_span("checkout"):
        wrapped = wrap(work)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(wrapped, [1, 2]))
    assert found == [(CHECKOUT, 0, 1), (CHECKOUT, 0, 2)]
    assert variable.get() == 0


def test_wrap_keeps_name_arguments_result_and_exception() -> None:
    def divide(one: int, other: int = 1) -> float:
        return one / other

    wrapped = wrap(divide)
    assert (wrapped.__name__, wrapped(6, other=3)) == ("divide", 2)
    with pytest.raises(ZeroDivisionError):
        wrapped(1, 0)


def test_the_executor_gives_each_call_the_context_of_its_submit_and_leaves_the_initializer_alone(
    tracer: Tracer,
) -> None:
    at_start: list[Stamp | None] = []
    with ContextThreadPoolExecutor(1, initializer=lambda: at_start.append(current_stamp())) as executor:
        with tracer.start_as_current_span("one"):
            one = executor.submit(current_stamp)
        with tracer.start_as_current_span("two"):
            two = executor.map(lambda _: current_stamp(), range(2))
        outside = executor.submit(current_stamp)
        assert [one.result(30), *two, outside.result(30)] == [CHECKOUT, Stamp(2, 2, 1), Stamp(2, 2, 1), None]
    assert at_start == [KEEPS]


FORKS = """
import json, multiprocessing, os, sys
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from tracelog.capture import fork
from tracelog.capture.context import current_stamp

def say(name):
    stamp = current_stamp()
    print(json.dumps([name, stamp and stamp.trace_id, bool(stamp and fork.inherited(stamp.trace_id))]), flush=True)

def run(method, target, *args):
    child = multiprocessing.get_context(method).Process(target=target, args=args)
    child.start()
    child.join(60)

def in_child(tracer=None):
    say("child")
    if tracer is not None:
        with tracer.start_as_current_span("of the child"):
            say("child's own span")
        say("child after it")

def after_unwinding():
    context.attach(trace.set_span_in_context(ROOT))
    say("child in the parent's span")

if __name__ == "__main__":
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("shop")
    with tracer.start_as_current_span("checkout") as ROOT, tracer.start_as_current_span("payment"):
        print(json.dumps(["trace", ROOT.get_span_context().trace_id, False]), flush=True)
        run("fork", in_child, tracer)
        run("fork", after_unwinding)
        run("spawn", in_child)
        say("parent")
    run("fork", in_child, tracer)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="no fork here")
def test_a_forked_child_says_that_its_span_is_inherited_and_a_spawned_one_has_none(tmp_path: Path) -> None:
    script = tmp_path / "forks.py"
    script.write_text(FORKS)
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    (_, trace, _), *said = [json.loads(line) for line in done.stdout.splitlines()]
    assert said == [
        ["child", trace, True],
        ["child's own span", trace, False],
        ["child after it", trace, True],
        ["child in the parent's span", trace, True],
        ["child", None, False],
        ["parent", trace, False],
        ["child", None, False],
        ["child's own span", said[-2][1], False],
        ["child after it", None, False],
    ]
    assert said[-2][1] not in {trace, None}

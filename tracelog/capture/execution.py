"""Work that is handed to another thread, with the context of the call that handed it over.

asyncio hands contexts on by itself: tasks, `asyncio.to_thread`, callbacks. A thread, a timer and an executor do
not, `loop.run_in_executor` included, and a generator runs in the context of whoever asks for its next value. For
those: `wrap`, and `ContextThreadPoolExecutor`. A context does not cross into another process; a `traceparent` does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial, wraps
from types import coroutine
from typing import Any, ParamSpec, TypeVar, cast

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def wrap(fn: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Bind the current context to a callable, a coroutine function or a generator function.

    Each call runs in a copy of that context: it may be called several times and from several threads at once, and
    what it sets stays its own.
    """
    context = copy_context()
    if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None)):  # noqa: B004 - the method is looked at, not for
        return cast("Callable[Parameters, Result]", _wrap_coroutine_function(fn, context))

    @wraps(fn)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        own = context.copy()
        result = own.run(fn, *args, **kwargs)
        return cast("Result", _steps(own, result)) if inspect.isgenerator(result) else result

    return run


def _wrap_coroutine_function(fn: Callable[..., Any], context: Context) -> Callable[..., Any]:
    @wraps(fn)
    async def run(*args: Any, **kwargs: Any) -> Any:
        own = context.copy()
        return await coroutine(_steps)(own, own.run(fn, *args, **kwargs))

    return run


def _steps(context: Context, steps: Any) -> Generator[Any, Any, Any]:
    """Run a generator or a coroutine to its end, each step in the context."""
    advance: Callable[[], Any] = partial(steps.send, None)
    while True:
        try:
            value = context.run(advance)
        except StopIteration as stop:
            return stop.value
        try:
            sent = yield value
        except GeneratorExit:
            context.run(steps.close)
            raise
        except BaseException as error:  # noqa: BLE001 - a cancellation too belongs to what runs inside
            advance = partial(steps.throw, error)
        else:
            advance = partial(steps.send, sent)


class ContextThreadPoolExecutor(ThreadPoolExecutor):
    """A `ThreadPoolExecutor` whose calls, by `submit` or `map`, run in the context that they were submitted in."""

    def submit(
        self, fn: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Future[Result]:
        """Schedule a call, with a copy of the current context."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))

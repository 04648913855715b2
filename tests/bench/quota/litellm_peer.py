"""LiteLLM's own limiter of a virtual key's requests a minute, under the measure of `tests/bench/quota.sh`, which starts this with the
socket of a Redis: each proxy is one limiter with a cache of its own over that Redis. Prints a line of the table. The same figures as
`measure.rs`: three hundred at once over three proxies, bursts around the end of a window, a check at 500 a second."""

import asyncio
import sys
import time
import uuid
from importlib.metadata import version

from litellm.caching.caching import DualCache
from litellm.caching.redis_cache import RedisCache
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.hooks.parallel_request_limiter_v3 import _PROXY_MaxParallelRequestsHandler_v3 as Limiter
from litellm.proxy.utils import InternalUsageCache

LIMIT, PROXIES, BURST, TRIALS = 15, 3, 300, 5
RATE, SECONDS, WARM = 500, 10, 2
PACED = 150


class Proxy:
    def __init__(self, url):
        self.cache = DualCache(redis_cache=RedisCache(url=url))
        self.limiter = Limiter(internal_usage_cache=InternalUsageCache(dual_cache=self.cache))

    async def asks(self, key, limit):
        who = UserAPIKeyAuth(api_key=key, rpm_limit=limit)
        call = {"model": "m", "litellm_call_id": str(uuid.uuid4()), "messages": []}
        try:
            await self.limiter.async_pre_call_hook(who, self.cache, call, "completion")
        except Exception as refused:
            if getattr(refused, "status_code", None) != 429:
                raise
            return False
        return True


async def burst(proxies, key):
    async def one(number):
        good = await proxies[number % PROXIES].asks(key, LIMIT)
        return time.monotonic() if good else None

    calls = [asyncio.create_task(one(number)) for number in range(BURST)]
    return [at for at in await asyncio.gather(*calls) if at is not None]


async def straddling(proxies, key):
    begun, all_ = time.monotonic(), []
    if await proxies[0].asks(key, LIMIT):
        all_.append(time.monotonic())
    for after in (58.0, 60.3):
        await asyncio.sleep(begun + after - time.monotonic())
        all_ += await burst(proxies, key)
    return max(sum(1 for one in all_ if last - 60 < one <= last) for last in all_)


async def pace(proxy):
    begun, took = time.monotonic(), []

    async def one(number):
        since = time.monotonic()
        await proxy.asks(f"paced-{number % PACED}", 1_000_000)
        if number >= WARM * RATE:
            took.append(time.monotonic() - since)

    calls = []
    for number in range((WARM + SECONDS) * RATE):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        calls.append(asyncio.create_task(one(number)))
    await asyncio.gather(*calls)
    took.sort()
    return [took[(len(took) - 1) * part // 100] * 1e3 for part in (50, 99)]


async def main():
    proxies = [Proxy(f"unix://{sys.argv[1]}") for _ in range(PROXIES)]
    p50, p99 = await pace(proxies[0])
    most = max([len(await burst(proxies, f"burst-{trial}")) for trial in range(TRIALS)])
    around = await straddling(proxies, "burst-last")
    name = f"LiteLLM {version('litellm')}, Redis"
    print(f"| {name} | {most / LIMIT:.2f} | {around / LIMIT:.2f} | {p50:.3f} ms | {p99:.3f} ms |")


asyncio.run(main())

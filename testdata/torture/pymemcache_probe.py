"""pymemcache's HashClient on both nodes: each line of the output is a call: when it began (Unix ms), how long it took (ms), how it went.

usage: pymemcache_probe.py NODE NODE
"""
import sys
import time

from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheError

cache = HashClient(
    sys.argv[1:3],
    retry_attempts=0,  # the first failure takes a node out: its keys go to the other one
    dead_timeout=1,  # seconds until it is tried again
    default_noreply=False,
    connect_timeout=1,
    timeout=1,
)
i = 0
while True:
    key = f"probe:py:{i // 2 % 64}"
    start = time.time()
    try:
        if i % 2 == 0:
            how = "ok" if cache.set(key, f"py.{i}") else "fail"
        else:
            how = "ok" if cache.get(key) is not None else "miss"
    except (OSError, MemcacheError):
        how = "fail"
    print(f"{start * 1000:.3f} {(time.time() - start) * 1000:.3f} {how}", flush=True)
    time.sleep(0.02)
    i += 1

"""pylibmc (libmemcached) on both nodes: each line of the output is a call: when it began (Unix ms), how long it took (ms), how it went.

usage: pylibmc_probe.py NODE NODE
"""
import sys
import time

import pylibmc

cache = pylibmc.Client(
    sys.argv[1:3],
    binary=True,
    behaviors={
        "ketama": True,
        "remove_failed": 1,  # a node that fails is taken out: its keys go to the other one
        "failure_limit": 1,  # at its first failure
        "retry_timeout": 1,  # seconds until it is tried again
        "dead_timeout": 1,
        "connect_timeout": 1000,  # ms
    },
)
i = 0
while True:
    key = f"probe:pl:{i // 2 % 64}"
    start = time.time()
    try:
        if i % 2 == 0:
            how = "ok" if cache.set(key, f"pl.{i}") else "fail"
        else:
            how = "ok" if cache.get(key) is not None else "miss"
    except pylibmc.Error:
        how = "fail"
    print(f"{start * 1000:.3f} {(time.time() - start) * 1000:.3f} {how}", flush=True)
    time.sleep(0.02)
    i += 1

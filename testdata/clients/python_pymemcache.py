"""pymemcache's HashClient on the nodes of a pair; each line of the input is a question.

usage: python_pymemcache.py plain|pooled NODE NODE
"""
import sys

from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheError

cache = HashClient(
    sys.argv[2:],
    use_pooling=sys.argv[1] == "pooled",
    retry_attempts=0,  # the first failure takes a node out: its keys go to the other one
    dead_timeout=1,  # seconds until it is tried again
    default_noreply=False,
    connect_timeout=10,
    timeout=10,
)


def text(value):
    return "none" if value is None else value.decode("latin-1") if isinstance(value, bytes) else str(value)


def yes(ok):
    return "yes" if ok else "no"


def calls():
    print("set", yes(cache.set("k", "1")))
    print("get", text(cache.get("k")))
    print("get-missing", text(cache.get("missing")))
    print("add", yes(cache.add("added", "1")))
    print("add-again", yes(cache.add("added", "2")))
    print("replace", yes(cache.replace("k", "2")))
    print("replace-missing", yes(cache.replace("missing", "2")))
    cache.append("k", "end")
    cache.prepend("k", "start")
    print("append-prepend", text(cache.get("k")))
    value, cas = cache.gets("k")
    print("cas", yes(cache.cas("k", value + b"!", cas)))
    print("cas-stale", yes(cache.cas("k", "stale", cas)))
    print("cas-value", text(cache.get("k")))
    cache.set("n", "40")
    print("incr", cache.incr("n", 5))
    print("decr", cache.decr("n", 2))
    print("decr-floor", cache.decr("n", 100))
    print("incr-missing", text(cache.incr("missing", 1)))
    print("touch", yes(cache.touch("k", 1000)))
    print("touch-missing", yes(cache.touch("missing", 1000)))
    print("delete", yes(cache.delete("k")))
    print("delete-missing", yes(cache.delete("k")))
    print("set-several", yes(not cache.set_many({"m1": "1", "m2": "2", "m3": "3"})))
    got = cache.get_many(["m1", "m2", "m3", "missing"])
    print("get-several", *(k + "=" + text(got[k]) for k in sorted(got)))
    for name, value in ("bytes", bytes(range(256))), ("large", b"x" * 900000):
        cache.set(name, value)
        print(name, yes(cache.get(name) == value))


def put(prefix, n):
    stored = 0
    for i in range(n):
        try:
            stored += bool(cache.set(f"{prefix}{i}", f"value of {prefix}{i}"))
        except (OSError, MemcacheError) as e:
            print(f"{prefix}{i}: {e}", file=sys.stderr)
    print("stored", stored)


def have(prefix, n):
    found = 0
    for i in range(n):
        try:
            value = text(cache.get(f"{prefix}{i}"))
        except (OSError, MemcacheError) as e:
            print(f"{prefix}{i}: {e}", file=sys.stderr)
            continue
        if value == f"value of {prefix}{i}":
            found += 1
        elif value != "none":
            print("wrong", f"{prefix}{i}", value)
    print("found", found)


for line in sys.stdin:
    question, *rest = line.split()
    if question == "calls":
        calls()
    elif question == "put":
        put(rest[0], int(rest[1]))
    elif question == "have":
        have(rest[0], int(rest[1]))
    elif question == "flush":
        cache.flush_all()
    print("done", flush=True)

"""A process that uses kazoo's recipes on the nodes that ours use.

usage: peer.py SERVERS SESSION_TIMEOUT_SECONDS

Reads requests from standard input, one JSON object a line: {"id", "do", ...}. Answers each with {"id", "answer"} or {"id", "error"} when it is
done; each has a thread of its own, so that one may wait while others are asked.
"""

import json
import sys
import threading

from kazoo.client import KazooClient

# Beside its own names kazoo counts those that match one of the patterns, which it takes as regular expressions.
LOCK = ["lock-"]
LATCH = ["latch-"]
WRITER = ["__WRIT__"]
READER = ["__READ__"]

zk = KazooClient(hosts=sys.argv[1], timeout=float(sys.argv[2]))
out = threading.Lock()
held = {}


def line_at(path, kind):
    """Kazoo's lock of that kind, told of the names that our recipe of that kind uses."""
    if kind == "read":
        return zk.ReadLock(path, "kazoo", extra_lock_patterns=WRITER)
    if kind == "write":
        return zk.WriteLock(path, "kazoo", extra_lock_patterns=WRITER + READER)
    return zk.Lock(path, "kazoo", extra_lock_patterns=LOCK)


def ready():
    return True


def acquire(name, path, kind="lock", blocking=True):
    lock = line_at(path, kind)
    held[name] = lock.release
    return lock.node if lock.acquire(blocking=blocking) else None


def release(name):
    return held.pop(name)()


def lead(name, path, identifier):
    """Answers when it leads, and leads until it is released."""
    election = zk.Election(path, identifier)
    election.lock = zk.Lock(path, identifier, extra_lock_patterns=LATCH)
    leading, resigned = threading.Event(), threading.Event()

    def work():
        leading.set()
        resigned.wait()

    candidate = threading.Thread(target=election.run, args=(work,), daemon=True)
    candidate.start()

    def resign():
        resigned.set()
        candidate.join()

    held[name] = resign
    leading.wait()
    return election.contenders()


def enter(path, room, times):
    """Enters and leaves a room that has place for one, as often, under the lock. A node that is there already says who is in."""
    lock = line_at(path, "lock")
    for _ in range(times):
        with lock:
            zk.create(room, b"kazoo", ephemeral=True)
            zk.delete(room)
    return times


def add(path, number):
    counter = zk.Counter(path)
    counter += number
    return counter.post_value


def contenders(path, kind="lock"):
    return line_at(path, kind).contenders()


def answer(request):
    number = request.pop("id")
    try:
        told = {"id": number, "answer": actions[request.pop("do")](**request)}
    except Exception as error:  # Whatever it is, the test is to see it.
        told = {"id": number, "error": repr(error)}
    with out:
        print(json.dumps(told), flush=True)


actions = {f.__name__: f for f in (ready, acquire, release, lead, enter, add, contenders)}
zk.start(timeout=60)
for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
zk.stop()

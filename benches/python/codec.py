"""How fast terms become Python objects and back: this library beside what else could do it.

    ERLNODE_LIBRARY=build/lib/liberlnode.so PYTHONPATH=bindings/python python3 benches/python/codec.py

Columns: the library (one crossing, Rust makes the objects), the codec in Python, and as floors of other designs
`pickle.loads`/`dumps` and `marshal.loads`/`dumps` of the same data (marshal with `str` for atoms, since it knows no
classes; a transcoder in Rust would come on top of either).
Pyrlang's native codec is a column when its module `native_codec_impl` and the package `term` can be imported.
Times are the best of several runs, in milliseconds; the last columns are ratios to the library.
"""

from __future__ import annotations

import marshal
import pickle
import sys
import time
from typing import Any, Callable, Dict, List

from erlnode import Atom, Pid, _codec, _etf

try:
    import native_codec_impl as pyrlang
    from term.atom import Atom as PyrlangAtom
except ImportError:
    pyrlang = None

KEYS = ["id", "name", "email", "age", "score", "active", "tags", "city"]


def rows(atom: Callable[[str], Any], count: int) -> List[Dict[Any, Any]]:
    """Maps of eight fields, as a query of a database gives them."""
    ids, name, email, age, score, active, tags, city = map(atom, KEYS)
    return [
        {
            ids: i,
            name: b"user%d" % i,
            email: b"user%d@example.org" % i,
            age: i % 90,
            score: i * 0.5,
            active: i % 2 == 0,
            tags: [b"a", b"b", i],
            city: atom("berlin"),
        }
        for i in range(count)
    ]


def best(run: Callable[[], Any], seconds: float = 0.5) -> float:
    """The shortest time of one run, in milliseconds."""
    shortest, end = float("inf"), time.perf_counter() + seconds
    repeat = 1
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(repeat):
            run()
        took = (time.perf_counter() - start) / repeat
        shortest = min(shortest, took)
        repeat = max(1, min(1000, int(0.002 / max(took, 1e-9))))
    return shortest * 1000


def table(title: str, ours: Any, theirs: Any, plain: Any) -> None:
    wire = _codec.encode_bare(ours)
    columns: Dict[str, tuple] = {
        "library": (lambda: _codec.decode_bare(wire), lambda: _codec.encode_bare(ours)),
        "python": (lambda: _etf.decode(wire), lambda: _etf.encode(ours)),
    }
    pickled = pickle.dumps(ours, 4)
    columns["pickle floor"] = (lambda: pickle.loads(pickled), lambda: pickle.dumps(ours, 4))
    marshalled = marshal.dumps(plain)
    columns["marshal floor"] = (lambda: marshal.loads(marshalled), lambda: marshal.dumps(plain))
    if pyrlang is not None and theirs is not None:
        etf = pyrlang.term_to_binary(theirs, None)
        columns["pyrlang native"] = (
            lambda: pyrlang.binary_to_term(etf, None),
            lambda: pyrlang.term_to_binary(theirs, None),
        )
    print(f"\n{title} ({len(wire)} bytes)")
    print(f"  {'':16}{'decode ms':>12}{'encode ms':>12}{'decode x':>10}{'encode x':>10}")
    base = None
    for name, (decode, encode) in columns.items():
        took = best(decode), best(encode)
        base = base or took
        print(f"  {name:16}{took[0]:12.4f}{took[1]:12.4f}{took[0] / base[0]:10.2f}{took[1] / base[1]:10.2f}")


def main() -> None:
    print(sys.version.split()[0], "library codec" if _codec.decode_bare is not _etf.decode else "python codec")
    atom = PyrlangAtom if pyrlang else str
    table("10,000 maps of 8 fields", rows(Atom, 10_000), rows(atom, 10_000), rows(str, 10_000))
    pid = Pid("alex@localhost", 88, 0, 7)
    table("{ping, Pid}", (Atom("ping"), pid), None, ("ping", b"pid"))
    table("{ok, 1, 2}", (Atom("ok"), 1, 2), (atom("ok"), 1, 2), ("ok", 1, 2))
    table("1 MiB binary", (Atom("data"), b"x" * (1 << 20)), (atom("data"), b"x" * (1 << 20)), ("data", b"x" * (1 << 20)))


if __name__ == "__main__":
    main()

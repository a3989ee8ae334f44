"""Terms as real OTP releases wrote them (tests/vectors): both codecs read all of them, and write them back the same."""

from __future__ import annotations

import gzip
import pathlib
import struct
import unittest
from typing import Iterator, List, Tuple

import erlnode
from erlnode import DecodeError, _codec, _etf
from terms import same

VECTORS = pathlib.Path(__file__).resolve().parents[3] / "tests" / "vectors"
CODECS = [("library", _codec.decode_bare, _codec.encode_bare), ("python", _etf.decode, _etf.encode)]

#: Terms that a BEAM takes and we do not, on purpose: an internal tag, and a release's own bug.
ACCEPTED_BY_A_BEAM_ONLY = {"tag 73", "compressed behind garbage", "bit binary empty"}

#: Releases that know no records and take 0.0 and -0.0 for one key, as later ones do not.
OLDER = {"otp25", "otp27"}


def records(path: pathlib.Path, kind: bytes) -> Iterator[Tuple[str, List[bytes]]]:
    """Name and fields of all records of a kind; make_vectors.escript tells how they look."""
    data = gzip.decompress(path.read_bytes())
    at = 0
    while at < len(data):
        this, count = data[at : at + 1], data[at + 1]
        at, fields = at + 2, []
        for _ in range(count):
            (length,) = struct.unpack_from(">I", data, at)
            fields.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        if this == kind:
            yield fields[0].decode(), fields


class Vectors(unittest.TestCase):
    def files(self) -> List[pathlib.Path]:
        found = sorted(VECTORS.glob("otp*.gz"))
        self.assertTrue(found)
        return found

    def test_every_term_of_a_beam_is_read_and_survives_our_encoding(self) -> None:
        bad: List[str] = []
        for path in self.files():
            for name, fields in records(path, b"T"):
                if name in ACCEPTED_BY_A_BEAM_ONLY:
                    continue
                source, again = fields[1], fields[2] or fields[1]
                try:
                    term, beam = erlnode.decode(source), erlnode.decode(again)
                except DecodeError as error:
                    bad.append(f"{path.stem}: {name}: {error}")
                    continue
                if not same(term, beam):
                    bad.append(f"{path.stem}: {name}: read as {term!r:.100}, a BEAM {beam!r:.100}")
                for codec, decode, encode in CODECS:
                    ours = encode(term)
                    if not same(decode(ours), term):
                        bad.append(f"{path.stem}: {name}: does not survive {codec}")
                    plain = again[1:2] != b"P" and path.stem != "otp25" and not {116, 89} & set(again)
                    if plain and ours != again[1:]:
                        bad.append(f"{path.stem}: {name}: {codec} writes {ours[:40]!r}, a BEAM {again[1:41]!r}")
                    if again[1:2] != b"P" and not same(decode(again[1:]), beam):
                        bad.append(f"{path.stem}: {name}: {codec} reads it differently")
        self.assertFalse(bad, f"{len(bad)} differences:\n" + "\n".join(bad[:40]))

    def test_what_a_beam_refuses_is_refused(self) -> None:
        bad: List[str] = []
        for path in self.files():
            for name, fields in records(path, b"R"):
                if path.stem in OLDER and (name.startswith("record") or name == "map twice zero"):
                    continue
                whole = fields[1][:1] != b"\x83" or fields[1][1:2] == b"P"
                for codec, decode, _ in CODECS:
                    try:
                        term = erlnode.decode(fields[1]) if whole else decode(fields[1][1:])
                    except DecodeError:
                        continue
                    bad.append(f"{path.stem}: {name}: {codec} reads {term!r:.100}")
        self.assertFalse(bad, f"{len(bad)} differences:\n" + "\n".join(bad[:40]))


if __name__ == "__main__":
    unittest.main()

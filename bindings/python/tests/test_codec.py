"""Terms to bytes and back: nothing is lost, nothing malformed passes, and both codecs agree."""

from __future__ import annotations

import collections
import enum
import random
import struct
import unittest
import zlib

import erlnode
from erlnode import Atom, BitString, DecodeError, EncodeError, Export, Float, Frozen, ImproperList, _codec, _etf
from terms import MIXED_KEYS, ONE_OF_EACH, PID, random_term, same

FAST = _codec.decode_bare is not _etf.decode
CODECS = [("library", _codec.decode_bare, _codec.encode_bare), ("python", _etf.decode, _etf.encode)]


class RoundTrip(unittest.TestCase):
    def test_every_type_comes_back_as_it_was(self) -> None:
        for name, decode, encode in CODECS:
            for term in ONE_OF_EACH:
                with self.subTest(codec=name, term=repr(term)[:60]):
                    self.assertTrue(same(decode(encode(term)), term))

    def test_random_terms_come_back_and_both_codecs_write_the_same(self) -> None:
        for seed in range(500):
            term = random_term(random.Random(seed))
            with self.subTest(seed=seed):
                wire = _codec.encode_bare(term)
                self.assertEqual(wire, _etf.encode(term))
                self.assertTrue(same(_codec.decode_bare(wire), term))
                self.assertTrue(same(_etf.decode(wire), term))

    def test_a_list_whose_tail_is_a_list_is_one_list(self) -> None:
        for name, decode, encode in CODECS:
            with self.subTest(codec=name):
                self.assertEqual(decode(b"l\0\0\0\x01a\x01l\0\0\0\x01a\x02k\0\x02ab"), [1, 2, 97, 98])
                self.assertEqual(decode(b"l\0\0\0\x01a\x01l\0\0\0\x01a\x02a\x03"), ImproperList([1, 2], 3))
                deep = b"l\0\0\0\x01a\x07" * 100_000 + b"j"
                self.assertEqual(decode(deep), [7] * 100_000)
        self.assertEqual(ImproperList([1], ImproperList([2], 3)), ImproperList([1, 2], 3))
        with self.assertRaises(ValueError):
            ImproperList([1], [2])

    def test_str_arrives_as_utf8_and_charlists_as_code_points(self) -> None:
        for _, decode, encode in CODECS:
            self.assertEqual(decode(encode("größe")), "größe".encode())
            self.assertEqual(decode(encode(erlnode.charlist("größe"))), [ord(c) for c in "größe"])
            self.assertEqual(erlnode.text(decode(encode(erlnode.charlist("größe")))), "größe")

    def test_depth_is_no_matter(self) -> None:
        depth = 100_000
        for name, decode, encode in CODECS:
            with self.subTest(codec=name):
                wire = b"h\x01" * depth + b"j"
                term = decode(wire)
                self.assertEqual(encode(term), wire)
                for _ in range(depth):
                    (term,) = term
                self.assertEqual(term, [])


class Keys(unittest.TestCase):
    def test_one_and_one_point_zero_and_true_are_different_keys(self) -> None:
        wire = b"t\0\0\0\x03" + b"a\x01a\x01" + b"F" + struct.pack(">d", 1.0) + b"a\x02" + b"w\x04truea\x03"
        for order in (wire, wire[:5] + wire[9:] + wire[5:9]):
            for name, decode, encode in CODECS:
                with self.subTest(codec=name):
                    term = decode(order)
                    self.assertEqual(term, {1: 1, Float(1.0): 2, Atom("true"): 3})
                    self.assertEqual(decode(encode(term)), term)

    def test_mixed_keys_survive_the_round_trip(self) -> None:
        for name, decode, encode in CODECS:
            with self.subTest(codec=name):
                self.assertTrue(same(decode(encode(MIXED_KEYS)), MIXED_KEYS))
                nested = {(1, 2): b"a", (Float(1.0), 2): b"b", ((Atom("true"),), 2): b"c", ((1,), 2): b"d"}
                self.assertTrue(same(decode(encode(nested)), nested))

    def test_keys_of_one_kind_are_pythons_own(self) -> None:
        for _, decode, encode in CODECS:
            for term in ({True: 1, False: 2}, {1.5: 1, 2.0: 2}, {None: 1}):
                self.assertTrue(same(decode(encode(term)), term))

    def test_keys_that_are_one_term_to_erlang_are_refused(self) -> None:
        for name, _, encode in CODECS:
            for term in ({"a": 1, b"a": 2}, {True: 1, Atom("true"): 2}, {None: 1, Atom("nil"): 2},
                         {1.0: 1, Float(1.0): 2}, {("a",): 1, (b"a",): 2}):  # fmt: skip
                with self.subTest(codec=name, term=term), self.assertRaises(EncodeError):
                    encode(term)

    def test_duplicate_keys_on_the_wire_are_refused(self) -> None:
        for name, decode, _ in CODECS:
            for key in (b"a\x01", b"w\x01x", b"m\0\0\0\x01x", b"h\x01a\x01", b"l\0\0\0\x01a\x01j"):
                with self.subTest(codec=name, key=key), self.assertRaises(DecodeError):
                    decode(b"t\0\0\0\x02" + (key + b"j") * 2)

    def test_frozen_keys_follow_erlang_equality(self) -> None:
        self.assertEqual(Frozen([1, 2]), Frozen([1, 2]))
        self.assertNotEqual(Frozen([1]), Frozen([1.0]))
        self.assertEqual(Frozen({Atom("a"): 1, Atom("b"): 2}), Frozen({Atom("b"): 2, Atom("a"): 1}))
        self.assertEqual(Frozen([1, {b"x": 2}]).value, [1, {b"x": 2}])

    def test_keys_within_keys_end_cleanly(self) -> None:
        wire = b"j"
        for _ in range(5000):
            wire = b"t\0\0\0\x01" + wire + b"j"
        for name, decode, _ in CODECS:
            with self.subTest(codec=name), self.assertRaises(DecodeError):
                decode(wire)


class Refusals(unittest.TestCase):
    def test_every_truncation_fails_cleanly(self) -> None:
        for name, decode, _ in CODECS:
            for term in ONE_OF_EACH:
                wire = _etf.encode(term)
                for end in range(min(len(wire), 200)):
                    with self.assertRaises(DecodeError, msg=(name, wire[:end])):
                        decode(wire[:end])

    def test_noise_never_raises_anything_else(self) -> None:
        rng = random.Random(7)
        wires = [_etf.encode(term) for term in ONE_OF_EACH]
        for _ in range(5_000):
            wire = bytearray(rng.choice(wires)[:300])
            for _ in range(rng.randrange(1, 4)):
                if wire:
                    wire[rng.randrange(len(wire))] = rng.randrange(256)
            for _, decode, _ in CODECS:
                try:
                    decode(bytes(wire))
                except DecodeError:
                    pass

    def test_announced_sizes_reserve_nothing(self) -> None:
        for name, decode, _ in CODECS:
            for head in (b"i", b"l", b"t", b"m", b"o"):
                with self.subTest(codec=name, head=head), self.assertRaises(DecodeError):
                    decode(head + b"\xff\xff\xff\xff" + b"j" * 20)

    def test_what_a_beam_refuses_is_refused_here(self) -> None:
        for name, _, encode in CODECS:
            for term in (float("nan"), float("inf"), [1, -float("inf")], 1 << (8 * 524_281), "\ud800"):
                with self.subTest(codec=name, kind=type(term)), self.assertRaises(ValueError):
                    encode(term)
            with self.assertRaises(ValueError):
                Atom("x" * 256)

    def test_a_list_that_contains_itself_is_refused(self) -> None:
        term: list = [300]
        term.append(term)
        for name, _, encode in CODECS:
            with self.subTest(codec=name), self.assertRaises(EncodeError):
                encode(term)

    def test_objects_that_are_no_terms_say_what_would_be(self) -> None:
        for name, _, encode in CODECS:
            with self.subTest(codec=name), self.assertRaisesRegex(TypeError, "__erlang__"):
                encode([object()])

    def test_bit_strings_without_sense_are_refused(self) -> None:
        for name, decode, _ in CODECS:
            for wire in (b"M\0\0\0\x01\0\xff", b"M\0\0\0\x01\x09\xff", b"M\0\0\0\0\x01"):
                with self.subTest(codec=name, wire=wire), self.assertRaises(DecodeError):
                    decode(wire)
            self.assertEqual(decode(b"M\0\0\0\x01\x08\xff"), b"\xff")
            self.assertEqual(decode(b"M\0\0\0\x01\x01\xff"), BitString(b"\x80", 1))


class Replacements(unittest.TestCase):
    def test_types_derived_from_known_ones_are_sent_as_those(self) -> None:
        point = collections.namedtuple("point", "x y")
        color = enum.IntEnum("color", "red green")
        for _, decode, encode in CODECS:
            self.assertEqual(decode(encode(point(1, 2))), (1, 2))
            self.assertEqual(decode(encode(color.green)), 2)
            self.assertEqual(decode(encode(collections.OrderedDict(a=1))), {b"a": 1})
            self.assertEqual(decode(encode(bytearray(b"x"))), b"x")
            self.assertEqual(decode(encode(memoryview(b"x"))), b"x")

    def test_classes_say_what_they_are_to_erlang(self) -> None:
        class Money:
            def __erlang__(self) -> tuple:
                return Atom("money"), 5

        class Endless:
            def __erlang__(self) -> "Endless":
                return self

        for _, decode, encode in CODECS:
            self.assertEqual(decode(encode({Money(): [Money()]})), {(Atom("money"), 5): [(Atom("money"), 5)]})
            with self.assertRaises(EncodeError):
                encode(Endless())

    def test_errors_of_user_code_pass_through(self) -> None:
        class Broken:
            def __erlang__(self) -> None:
                raise KeyError("mine")

        for _, _, encode in CODECS:
            with self.assertRaisesRegex(KeyError, "mine"):
                encode([1, (Broken(),)])

    def test_a_dict_that_changes_while_it_is_encoded_ends_in_an_error(self) -> None:
        victim: dict = {i: None for i in range(1000)}

        class Evil:
            def __erlang__(self) -> None:
                victim.clear()

        victim[0] = Evil()
        for name, _, encode in CODECS:
            with self.subTest(codec=name), self.assertRaises((EncodeError, RuntimeError)):
                encode(victim)
            victim.update({i: Evil() for i in range(1000)})


class Names(unittest.TestCase):
    def test_there_is_one_object_per_atom(self) -> None:
        self.assertIs(Atom("one"), Atom("one"))
        self.assertIs(erlnode.decode(erlnode.encode(Atom("one"))), Atom("one"))
        self.assertNotEqual(Atom("one"), "one")
        self.assertEqual(len({Atom("one"): 1, "one": 2}), 2)

    def test_more_atoms_than_the_cache_holds_stay_themselves(self) -> None:
        wire = erlnode.encode([Atom(f"atom{i}") for i in range(20_000)])
        first, second = erlnode.decode(wire), erlnode.decode(wire)
        self.assertTrue(all(a is b for a, b in zip(first, second)))

    def test_atoms_nobody_holds_are_forgotten(self) -> None:
        from erlnode._terms import _atoms

        names = [f"gone{i}" for i in range(30_000)]
        erlnode.decode(erlnode.encode([Atom(name) for name in names]))
        self.assertLess(sum(name in _atoms for name in names), 10_000)

    def test_repr_is_erlang(self) -> None:
        term = (Atom("ok"), Atom("It's"), PID, BitString(b"\x01\xc0", 2), Export("m", "f", 1), ImproperList([1], 2))
        self.assertEqual(repr(term), "(ok, 'It\\'s', #Pid<alex@localhost.88.0>, <<1,3:2>>, fun m:f/1, [1 | 2])")

    def test_match_statements_see_the_parts(self) -> None:
        self.assertEqual(Atom.__match_args__, ("name",))
        self.assertEqual((PID.node, PID.id, PID.serial, PID.creation), ("alex@localhost", 88, 0, 1700000000))

    def test_terms_can_be_copied_and_pickled(self) -> None:
        import copy
        import pickle

        for term in ONE_OF_EACH:
            self.assertTrue(same(copy.deepcopy(term), term))
            self.assertTrue(same(pickle.loads(pickle.dumps(term)), term))


class Old(unittest.TestCase):
    """Forms that only older nodes write; vectors by hand from the format."""

    def test_old_tags_are_understood(self) -> None:
        node = b"d\0\x03a@b"
        for name, decode, _ in CODECS:
            with self.subTest(codec=name):
                self.assertEqual(decode(b"s\x01\xe9"), Atom("é"))
                self.assertEqual(decode(b"d\0\x01\xe9"), Atom("é"))
                self.assertEqual(decode(b"c" + b"1.50000000000000000000e+00".ljust(31, b"\0")), 1.5)
                self.assertEqual(decode(b"g" + node + struct.pack(">IIB", 1, 2, 3)), erlnode.Pid("a@b", 1, 2, 3))
                self.assertEqual(decode(b"f" + node + struct.pack(">IB", 1, 3)), erlnode.Port("a@b", 1, 3))
                self.assertEqual(decode(b"e" + node + struct.pack(">IB", 1, 3)), erlnode.Reference("a@b", 3, [1]))
                self.assertEqual(decode(b"l\0\0\0\0a\x01"), 1)

    def test_compressed_terms_are_read_within_their_claim(self) -> None:
        wire = erlnode.encode([1000] * 1000)[1:]
        packed = zlib.compress(wire)
        self.assertEqual(erlnode.decode(b"\x83P" + struct.pack(">I", len(wire)) + packed), [1000] * 1000)
        for size in (0, len(wire) - 1, len(wire) + 1, 2**32 - 1):
            with self.assertRaises(DecodeError):
                erlnode.decode(b"\x83P" + struct.pack(">I", size) + packed)

    def test_the_version_byte_is_needed(self) -> None:
        for data in (b"", b"a\x01", b"\x82a\x01"):
            with self.assertRaises(DecodeError):
                erlnode.decode(data)


if __name__ == "__main__":
    unittest.main()

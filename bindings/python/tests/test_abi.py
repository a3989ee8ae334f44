"""The package and the library agree: declarations, numbers, classes."""

from __future__ import annotations

import pathlib
import re
import unittest

from erlnode import _abi, _errors, _mailbox

ROOT = pathlib.Path(__file__).resolve().parents[3]


def words(text: str) -> str:
    """C text without what does not matter: comments, spaces, `struct` and `enum` before a name."""
    text = re.sub(r"\b(struct|enum) (?=erln_\w+[ *])", "", re.sub(r"\s+", " ", re.sub(r"//.*", "", text)))
    return re.sub(r"\s*([(),*;])\s*", r"\1", text)


class Header(unittest.TestCase):
    def setUp(self) -> None:
        self.header = (ROOT / "include" / "erlnode.h").read_text()

    def test_every_declaration_is_the_headers_own(self) -> None:
        header = words(self.header)
        for declaration in words(_abi.DECLARATIONS).split(";"):
            if declaration.strip():
                self.assertTrue(declaration.strip() + ";" in header, f"not in erlnode.h: {declaration}")

    def test_numbers_are_the_headers_own(self) -> None:
        def number(constant: str) -> int:
            found = re.search(rf"\b{constant}\b\s*=?\s*\(?(-?\d+)", self.header)
            self.assertIsNotNone(found, constant)
            return int(found.group(1))  # type: ignore[union-attr]

        self.assertEqual(number("define ERLN_ABI"), _abi.ABI)
        self.assertEqual(number("define ERLN_FOREVER"), _abi.FOREVER)
        self.assertEqual(number("define ERLN_NAME_SIZE"), _abi.NAME_SIZE)
        self.assertEqual(number("define ERLN_SPAWN_LINK"), _abi.SPAWN_LINK)
        self.assertEqual(number("define ERLN_SPAWN_MONITOR"), _abi.SPAWN_MONITOR)
        self.assertEqual(number("define ERLN_SPAWN_PRIORITY"), _abi.SPAWN_PRIORITY)
        for prefix, table in (
            ("ERLN_NODES", _abi.NODE_FILTERS), ("ERLN_NAMES", _abi.NAMES), ("ERLN_CONNECT", _abi.AUTO_CONNECT),
            ("ERLN_OVERFLOW", _abi.OVERFLOW), ("ERLN_CLASS", _abi.CLASSES), ("ERLN_ALIAS", _abi.ALIAS_MODES),
        ):  # fmt: skip
            for word, value in table.items():
                if word is not None:
                    self.assertEqual(number(f"{prefix}_{word.upper()}"), value)
        for value, word in enumerate(_mailbox.KINDS):
            constant = {"nodeup": "NODE_UP", "nodedown": "NODE_DOWN"}.get(word, word.upper())
            self.assertEqual(number(f"ERLN_MSG_{constant}"), value)

    def test_every_status_has_its_exception(self) -> None:
        statuses = {int(n) for n in re.findall(r"\bERLN_ERR_\w+ = (-\d+)", self.header)}
        self.assertEqual(statuses, set(_errors.BY_STATUS))

    def test_a_library_that_lacks_a_function_is_named(self) -> None:
        class Older:
            _name = "liberlnode.so.1"

        with self.assertRaisesRegex(ImportError, "liberlnode.so.1 lacks erln_.* of one release"):
            _abi.library._declare(Older())

    def test_every_exception_is_a_standard_one_too(self) -> None:
        for cls in _errors.BY_STATUS.values():
            standard = [base for base in cls.__mro__ if base.__module__ == "builtins"]
            self.assertIsNot(standard[0], Exception, cls)
            self.assertIsInstance(cls("text"), _errors.Error)


if __name__ == "__main__":
    unittest.main()

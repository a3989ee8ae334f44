"""TLS options: what cannot work is told before a node starts. Connections are in tests/interop."""

from __future__ import annotations

import os
import tempfile
import unittest

from erlnode import ArgumentError, Node, SystemCallError, Tls

from support import COOKIE, name


class Options(unittest.TestCase):
    def start(self, tls: object) -> None:
        Node(name("tls"), cookie=COOKIE, tls=tls).stop()  # type: ignore[arg-type]

    def test_one_source_of_certificates_is_needed(self) -> None:
        for given in ({}, {"cert": "a"}, {"cert": "a", "key": "b", "ca": "c", "optfile": "d"}, {"cert": "a", "optfile": "d"}):
            with self.subTest(given), self.assertRaises(ArgumentError):
                Tls(**given)  # type: ignore[arg-type]
        with self.assertRaises(ArgumentError):
            Tls(b"text", "path", b"text")
        with self.assertRaises(ArgumentError):
            Tls("a", "b", "c", versions=("1.1", "1.2"))

    def test_a_missing_file_is_named(self) -> None:
        with self.assertRaisesRegex(SystemCallError, "/nowhere/tls.conf"):
            self.start("/nowhere/tls.conf")
        with self.assertRaisesRegex(SystemCallError, "/nowhere/ca.pem"):
            self.start(Tls("/nowhere/cert.pem", "/nowhere/key.pem", "/nowhere/ca.pem"))

    def test_what_is_no_pem_is_refused(self) -> None:
        with self.assertRaisesRegex(ArgumentError, "no certificate"):
            self.start(Tls(b"nothing", b"nothing", b"nothing", versions=("1.2", "1.3"), check_callers=True))

    def test_revocation_lists_and_how_they_count_are_checked(self) -> None:
        with self.assertRaisesRegex(ArgumentError, "crl_check"):
            Tls("a", "b", "c", crl="d", crl_check="sometimes")
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(ArgumentError, "no certificate"):
            self.start(Tls(b"nothing", b"nothing", b"nothing", crl=folder, crl_check="best_effort"))

    def test_an_option_that_would_be_ignored_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tls.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write("[{client, [{psk_identity, \"x\"}]}].")
            with self.assertRaisesRegex(ArgumentError, "psk_identity"):
                self.start(path)

    def test_a_node_without_tls_has_nothing_to_reload(self) -> None:
        with Node(cookie=COOKIE) as node, self.assertRaises(ArgumentError):
            node.reload_tls()


if __name__ == "__main__":
    unittest.main()

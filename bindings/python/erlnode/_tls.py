"""Tls: how a node proves itself, and whom it believes."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional, Tuple, Union

from ._errors import ArgumentError

Path = Union[str, "os.PathLike[str]"]

_VERSIONS = {"1.2": 12, "1.3": 13}
_CRL_CHECKS = {True: 1, "peer": 2, "best_effort": 3}


class Tls:
    """Options of TLS, for `Node`.

        Node("py@host", tls=Tls(cert="node.pem", key="key.pem", ca="cluster.pem"))
        Node("py@host", tls=Tls(optfile="inet_tls.conf"))

    ``cert`` is the node's certificate with the chain that leads to the authority, ``key`` its private key, ``ca`` the
    authorities to believe: paths of PEM files, which are read again when they have changed, or the PEM texts as bytes.
    ``optfile`` is the file that a BEAM takes with ``-ssl_dist_optfile``; peers are verified unless it says otherwise.
    ``versions`` is the lowest and the highest version: ``("1.2", "1.3")`` unless given.

    Both sides are verified: certificates have to be issued by ``ca``, and the one of a node we call has to be for the host
    of its name. With ``check_callers`` that goes for nodes that call us as well; unless given, it does if the node has an
    allow-list. ``crl`` refuses certificates that were revoked: the path of a file or directory (as OTP's ``ssl_crl_hash_dir``) of
    revocation lists, or lists in PEM as bytes; ``crl_check`` is OTP's ``True``, ``"peer"`` or ``"best_effort"``.
    ``danger_anonymous_callers`` also takes callers without a certificate. ``danger_no_verify`` believes
    everybody; the log says so at each start.
    """

    def __init__(
        self,
        cert: Union[None, Path, bytes] = None,
        key: Union[None, Path, bytes] = None,
        ca: Union[None, Path, bytes] = None,
        *,
        optfile: Optional[Path] = None,
        versions: Optional[Tuple[str, str]] = None,
        check_callers: Optional[bool] = None,
        crl: Union[None, Path, bytes] = None,
        crl_check: Union[bool, str] = True,
        danger_anonymous_callers: bool = False,
        danger_no_verify: bool = False,
    ) -> None:
        given = [item is not None for item in (cert, key, ca)]
        if (optfile is None) != all(given) or (optfile is not None and any(given)):
            raise ArgumentError("give cert, key and ca, or optfile")
        if optfile is None and len({isinstance(item, bytes) for item in (cert, key, ca)}) > 1:
            raise ArgumentError("cert, key and ca are either all paths or all bytes")
        if versions is not None and not all(version in _VERSIONS for version in versions):
            raise ArgumentError(f'versions are a pair of "1.2" and "1.3", not {versions!r}')
        if crl_check not in _CRL_CHECKS:
            raise ArgumentError(f'crl_check is True, "peer" or "best_effort", not {crl_check!r}')
        self._source = (optfile,) if optfile is not None else (cert, key, ca)
        self._versions = versions
        self._check_callers = check_callers
        self._crl = crl
        self._crl_check = _CRL_CHECKS[crl_check]
        self._danger_anonymous_callers = danger_anonymous_callers
        self._danger_no_verify = danger_no_verify

    def give(self, give: Callable[..., Any]) -> None:
        """Hands the options to a config."""
        if isinstance(self._source[0], bytes):
            give("tls_pem", *self._source)
        else:
            paths = [os.fsencode(item) for item in self._source]  # type: ignore[arg-type]
            give("tls_optfile" if len(paths) == 1 else "tls_files", *paths)
        if self._versions is not None:
            give("tls_versions", *(_VERSIONS[version] for version in self._versions))
        if self._check_callers is not None:
            give("tls_check_callers", self._check_callers)
        if isinstance(self._crl, bytes):
            give("tls_crl_pem", self._crl, self._crl_check)
        elif self._crl is not None:
            give("tls_crl_file", os.fsencode(self._crl), self._crl_check)
        if self._danger_anonymous_callers:
            give("tls_danger_anonymous_callers")
        if self._danger_no_verify:
            give("tls_danger_no_verify")

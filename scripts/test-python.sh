#!/usr/bin/env bash
# The tests of the Python package, with the library of this tree and an epmd port of their own.
. "$(dirname "$0")/common.sh"

[ -f build/lib/liberlnode.so ] || scripts/build.sh
export PYTHONPATH=$ROOT/bindings/python
export ERLNODE_LIBRARY=${ERLNODE_LIBRARY:-$ROOT/build/lib/liberlnode.so}
export ERL_EPMD_PORT=${ERL_EPMD_PORT:-$(free_port)}
exec "${PYTHON:-python3}" -X dev -m unittest discover -s bindings/python/tests -t bindings/python/tests -v

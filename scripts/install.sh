#!/usr/bin/env bash
# install.sh install|uninstall: the library, its header, pkg-config and CMake files, below $DESTDIR$PREFIX.
# The Python package is not installed here: `pip install bindings/python` does that, and finds this library.
. "$(dirname "$0")/common.sh"

prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
case $prefix in /*) ;; *) die "PREFIX must be an absolute path, not '$prefix'" ;; esac
to=${DESTDIR:-}
abi=$(abi)

files=(
  "$libdir/liberlnode.so.$abi" "$libdir/liberlnode.so" "$libdir/liberlnode.a"
  "$libdir/libei.so" "$libdir/libei.a" "$libdir/libei_st.a"
  "$libdir/pkgconfig/erlnode.pc"
  "$libdir/cmake/erlnode/erlnodeConfig.cmake" "$libdir/cmake/erlnode/erlnodeConfigVersion.cmake"
  "$includedir/erlnode.h" "$includedir/erlnode.hpp" "$includedir/ei.h" "$includedir/ei_connect.h" "$includedir/eicode.h"
)

for header in bindings/cpp/erlnode/*.hpp; do files+=("$includedir/erlnode/${header##*/}"); done

# fill TEMPLATE TARGET: puts this installation's paths and numbers into a template.
fill() {
  mkdir -p "$(dirname "$to$2")"
  sed -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$libdir|g" -e "s|@INCLUDEDIR@|$includedir|g" \
    -e "s|@VERSION@|$VERSION|g" -e "s|@ABI@|$abi|g" "$1" >"$to$2"
  chmod 644 "$to$2"
}
put() { [ ! -f "$2" ] || install -D -m "$1" "$2" "$to$3"; }

case ${1:-} in
  install)
    [ -f "build/lib/liberlnode.so.$abi" ] || die "nothing is built; run make first"
    put 755 "build/lib/liberlnode.so.$abi" "$libdir/liberlnode.so.$abi"
    ln -sf "liberlnode.so.$abi" "$to$libdir/liberlnode.so"
    put 644 build/lib/liberlnode.a "$libdir/liberlnode.a"
    put 755 build/lib/libei.so "$libdir/libei.so"
    put 644 build/lib/libei.a "$libdir/libei.a"
    put 644 build/lib/libei_st.a "$libdir/libei_st.a"
    put 644 include/erlnode.h "$includedir/erlnode.h"
    put 644 bindings/cpp/erlnode.hpp "$includedir/erlnode.hpp"
    for header in bindings/cpp/erlnode/*.hpp; do put 644 "$header" "$includedir/erlnode/${header##*/}"; done
    for header in ei ei_connect eicode; do put 644 "include/$header.h" "$includedir/$header.h"; done
    fill bindings/pkgconfig/erlnode.pc.in "$libdir/pkgconfig/erlnode.pc"
    fill bindings/cmake/erlnodeConfig.cmake.in "$libdir/cmake/erlnode/erlnodeConfig.cmake"
    fill bindings/cmake/erlnodeConfigVersion.cmake.in "$libdir/cmake/erlnode/erlnodeConfigVersion.cmake"
    # A loader of the running system learns of the new library; below a DESTDIR there is no system to tell.
    if [ -z "$to" ] && [ "$(id -u)" -eq 0 ] && have ldconfig; then ldconfig; fi
    say "installed in $to$prefix; for Python: pip install $ROOT/bindings/python"
    ;;
  uninstall)
    for file in "${files[@]}"; do rm -f "$to$file"; done
    rmdir "$to$libdir/cmake/erlnode" "$to$includedir/erlnode" 2>/dev/null || true
    ;;
  *) die "usage: install.sh install|uninstall" ;;
esac

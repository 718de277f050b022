#!/usr/bin/env bash
# Installs the Debian packages named, where they are missing and apt can be used.
# Daemons that they bring are not started: the tests start servers of their own.
# In CI a package that cannot be had is a failure; elsewhere the tests that need it are skipped with a reason.
set -eu
missing=()
for package in "$@"; do
    [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)" = "install ok installed" ] || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    as_root=(sudo -n)
fi
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ] && printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null 2>&1; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    "${as_root[@]}" chmod 755 "$policy"
fi
install() {
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
echo "installing ${missing[*]}" >&2
if ! install 2>/dev/null; then
    if ! { "${as_root[@]}" apt-get update -qq && install; }; then
        echo "could not install ${missing[*]} with apt-get" >&2
        [ -z "${CI:-}" ] || exit 1
        [ "${REQUIRED:-}" != 1 ] || exit 1
    fi
fi

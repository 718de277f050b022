#!/usr/bin/env bash
# Installs the Debian packages named, where they are missing and apt can be used.
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

#!/usr/bin/env bash
# MySQL's own server for the tests, where Debian's stable distributions have MariaDB alone: the package of Debian's
# unstable distribution and every library it needs are unpacked into FOLDER, once, and FOLDER/mysqld runs it with them.
# Nothing is installed and root is not needed; the packages come from where this machine's apt has its own.
set -eu
folder=$1
[ ! -x "$folder/mysqld" ] || exit 0

fail() {
    echo "$1 Set LIGHTMAIL_TEST_MYSQL to the path of a mysqld to use another." >&2
    exit 1
}
for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null || fail "$program is missing: a Debian system is needed to fetch MySQL."
done
site=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(SITE)' 'Created-By: Packages' | sed -n 's/^Debian Debian //p' | head -n 1)
[ -n "$site" ] || fail "apt knows no source of Debian's packages (apt-get update may help)."

work=$folder.new
rm -rf "$work" "$folder"
mkdir -p "$work"/{none,state/lists/partial,cache/archives/partial,root}
work=$(cd "$work" && pwd)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb $([ ! -e $keys ] || echo "[signed-by=$keys]") $site sid main" >"$work/sources.list"
: >"$work/state/status" # no package is there, so that none is left out
options=(
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/none"
    -o Dir::Etc::preferences="$work/none/none" -o Dir::Etc::preferencesparts="$work/none"
    -o Dir::State="$work/state" -o Dir::State::status="$work/state/status" -o Dir::Cache="$work/cache"
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none
)
echo "fetching MySQL into $folder" >&2
{
    apt-get "${options[@]}" -qq update &&
        apt-get "${options[@]}" -qq install -y --download-only --no-install-recommends mysql-server-core >/dev/null
} || fail "MySQL could not be fetched."
for package in "$work"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$work/root"
done
rm -rf "$work"/{none,state,cache,sources.list} "$work/root/usr/share/doc"
cat >"$work/mysqld" <<'END'
#!/bin/sh
# With the libraries it came with: it is newer than those of this machine.
root=$(dirname "$(readlink -f "$0")")/root
libraries=$(echo "$root"/usr/lib/*-linux-gnu*)
exec "$libraries"/ld-linux*.so.* --library-path "$libraries" "$root/usr/sbin/mysqld" "$@"
END
chmod 755 "$work/mysqld"
mv "$work" "$folder"

#!/usr/bin/env bash
# package.sh BUILD VERSION: the Debian package that cpack makes of a build holds what was installed,
# asks for what it needs, starts nothing, and leaves the data when it goes.
set -euo pipefail

build=$1 version=$2
for program in cpack dpkg-deb dpkg-shlibdeps shellcheck; do
  command -v "$program" >/dev/null || {
    echo "there is no $program here"
    exit 77
  }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "not ok - $*"
  exit 1
}

cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work" \
  -D CPACK_DEBIAN_COMPRESSION_TYPE=gzip >"$work/log" 2>&1 || {
  cat "$work/log"
  fail "cpack"
}
deb=$(echo "$work"/vitrine_"$version"*.deb)
[[ -f $deb ]] || fail "no package"

echo "ok - its fields are there"
for line in "Package: vitrine" "Version: $version" "Section: web" "Priority: optional"; do
  dpkg-deb -f "$deb" | grep -qxF "$line" || fail "$line"
done
depends=$(dpkg-deb -f "$deb" Depends)
for package in git systemd tar libc6 libsqlite3-0 libjansson4 libmicrohttpd12 libwebsockets; do
  [[ $depends == *"$package"* ]] || fail "Depends has no $package: $depends"
done
[[ $(dpkg-deb -f "$deb" Architecture) == "$(dpkg --print-architecture)" ]] || fail "Architecture"

echo "ok - its files are what was installed, root's, and none is writable by others"
prefix=$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$build/CMakeCache.txt")
dpkg-deb -c "$deb" >"$work/files"
for path in bin/vitrine libexec/vitrine/vitrine-{gateway,tls,challenge,orchestrator,agent,inference,fetch,boxd,worker,hook} \
  lib/systemd/system/vitrine.target lib/systemd/system/vitrine-gateway.socket \
  lib/sysusers.d/vitrine.conf lib/tmpfiles.d/vitrine.conf share/vitrine/ui/space.html \
  share/vitrine/models/tiny-writer/config.json share/doc/vitrine/copyright; do
  grep -q " \.$prefix/$path$" "$work/files" || fail "there is no $prefix/$path"
done
awk '$2 != "root/root" || substr($1, 9, 1) == "w" { print; bad = 1 } END { exit bad }' "$work/files" ||
  fail "owner or mode"
if grep -qE ' \./(var|run|etc|tmp|home)/' "$work/files"; then fail "it holds files of the machine"; fi

echo "ok - its scripts are sound, start nothing that did not run, and delete no data"
dpkg-deb -e "$deb" "$work/control"
for script in postinst prerm postrm; do
  [[ -x $work/control/$script ]] || fail "$script"
  shellcheck "$work/control/$script" || fail "$script"
  # What a script prints as advice is quoted by echo; what it runs is not.
  if grep -vE '^ *(echo|#)' "$work/control/$script" | grep -qE '\brm\b|userdel|/var/lib/vitrine.*-r'; then
    fail "$script deletes something"
  fi
done
if grep -vE '^ *(echo|#)' "$work/control/postinst" | grep -qE 'systemctl.* (enable|start)\b'; then
  fail "postinst starts something"
fi

echo "ok - purged with data there, it says that they stay and how they go"
mkdir -p "$work/lib"
sed "s,/var/lib/vitrine,$work/lib,; s,/run/systemd/system,$work/none," "$work/control/postrm" >"$work/postrm"
said=$(sh "$work/postrm" purge)
[[ $said == *"rm -rf"* && -d $work/lib ]] || fail "postrm said: $said"
[[ -z $(sh "$work/postrm" remove) ]] || fail "postrm speaks when it is removed"

echo "ok - its programs run where it puts them"
dpkg-deb -x "$deb" "$work/root"
said=$("$work/root$prefix/bin/vitrine" help)
[[ $said == "vitrine $version"* ]] || fail "vitrine help"

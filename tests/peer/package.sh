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

# From here on it is installed as dpkg does it, into a folder of its own, where the machine's services and
# users are only told of: what the scripts ask of systemd is written down.
[[ $EUID == 0 ]] || {
  echo "# not installed: only root can"
  exit 0
}
mkdir -p "$work/stubs" "$work/target/var/lib/dpkg/updates" "$work/target/var/lib/dpkg/info" "$work/run"
touch "$work/target/var/lib/dpkg/status" "$work/asked"
for program in systemctl systemd-sysusers systemd-tmpfiles; do
  printf '#!/bin/sh\necho "%s $*" >>"%s"\n' "$program" "$work/asked" >"$work/stubs/$program"
  chmod +x "$work/stubs/$program"
done

# repack VERSION: the same package as that version, whose scripts look at our folders, with a file that
# only this version has.
repack() {
  local dir=$work/repacked-$1 data=$work/target/var/lib/vitrine
  dpkg-deb -R "$deb" "$dir"
  sed -i "s/^Version: .*/Version: $1/" "$dir/DEBIAN/control"
  sed -i "s,/run/systemd/system,$work/run,g; s,/var/lib/vitrine,$data,g" "$dir"/DEBIAN/p*
  echo "$1" >"$dir$prefix/share/vitrine/only-in-$1"
  rm -f "$dir/DEBIAN/md5sums"
  dpkg-deb -Znone -b "$dir" "$work/vitrine_$1.deb" >/dev/null
  rm -rf "$dir"
}

with_dpkg() {
  : >"$work/asked"
  PATH=$work/stubs:$PATH dpkg --root="$work/target" --force-script-chrootless --force-depends --force-unsafe-io \
    "$@" >"$work/log" 2>&1 || {
    cat "$work/log"
    fail "dpkg $*"
  }
}

# All that is somebody's own, and whether it is as it was.
kept=("$work/target/var/lib/vitrine/orchestrator/vitrine.db" "$work/target/var/lib/vitrine/gateway/sessions/1.log"
  "$work/target/etc/vitrine/environment" "$work/target/etc/systemd/system/vitrine-gateway.socket.d/override.conf")
sums() {
  sha256sum "${kept[@]}"
  stat -c '%n %a %u %g' "${kept[@]}"
}

repack 0.0.1
repack 0.0.2

echo "ok - installed for the first time it makes users and folders, and starts nothing"
with_dpkg -i "$work/vitrine_0.0.1.deb"
grep -q '^systemd-sysusers vitrine.conf' "$work/asked" || fail "no users"
grep -q '^systemd-tmpfiles --create vitrine.conf' "$work/asked" || fail "no folders"
if grep -qE '^systemctl .*\b(start|restart|enable)\b' "$work/asked"; then fail "it starts something"; fi
for file in "${kept[@]}"; do
  mkdir -p "${file%/*}"
  echo "mine: $file" >"$file"
  chmod 600 "$file"
  chown 61201:61201 "$file"
done
before=$(sums)

echo "ok - an upgrade of what runs restarts it, with the new programs there, and keeps data and settings"
with_dpkg -i "$work/vitrine_0.0.2.deb"
grep -q '^systemctl daemon-reload' "$work/asked" || fail "units are not read anew"
grep -q '^systemctl restart vitrine.target' "$work/asked" || fail "not restarted"
if grep -qE '^systemctl .*\b(stop|disable)\b' "$work/asked"; then fail "it is stopped for the upgrade"; fi
share=$work/target$prefix/share/vitrine
[[ -f $share/only-in-0.0.2 && ! -e $share/only-in-0.0.1 ]] || fail "files of the older version are left"
[[ $(sums) == "$before" ]] || fail "data or settings have changed"

echo "ok - an upgrade of what does not run starts nothing"
printf '#!/bin/sh\necho "systemctl $*" >>"%s"\ncase "$*" in *is-active*) exit 3 ;; esac\n' "$work/asked" \
  >"$work/stubs/systemctl"
with_dpkg -i "$work/vitrine_0.0.1.deb"
if grep -qE '^systemctl .*\b(start|restart|enable)\b' "$work/asked"; then fail "it starts something"; fi

echo "ok - removed and purged, it stops what runs, takes its programs, and leaves data and settings alone"
with_dpkg -r vitrine
grep -q '^systemctl disable --now vitrine.target' "$work/asked" || fail "not stopped"
[[ ! -e $work/target$prefix/bin/vitrine && ! -e $share/ui ]] || fail "programs are left"
[[ $(sums) == "$before" ]] || fail "data or settings have changed"
with_dpkg -P vitrine
grep -q "stays. To delete it, too:" "$work/log" || fail "purge does not say that the data stays"
[[ $(sums) == "$before" ]] || fail "data or settings have changed"

echo "ok - and installed again it finds them"
with_dpkg -i "$work/vitrine_0.0.2.deb"
[[ $(sums) == "$before" ]] || fail "data or settings have changed"

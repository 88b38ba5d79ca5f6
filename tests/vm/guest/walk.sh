#!/bin/sh
# docs/operate.md from top to bottom with systemd: its blocks "run by tests/vm/guest/walk.sh", and
# those between them that need no other person, as they stand there.
# shellcheck source=tests/vm/guest/lib.sh
. /payload/lib.sh

export HOME=/root
page=/payload/operate.md
host=demos.example.org

sudo() {
  "$@"
}

# block TEXT [N]: the fenced block of the page, or the Nth, that has a line with that text.
block() {
  awk -v text="$1" -v n="${2:-1}" '
    /^```sh$/ { on = 1; found = 0; all = ""; next }
    /^```$/ { if (on && found && --n == 0) { printf "%s", all; exit } on = 0 }
    on { all = all $0 "\n"; if (index($0, text)) found = 1 }' "$page"
}

# follow TEXT [N]: runs that block, all of it, in one shell; its first failure is the block's.
follow() {
  block "$@" | grep -v -e '^scripts/up ' -e 'cmake --install' >/tmp/block
  [ -s /tmp/block ] && (
    set -e
    cd /root
    . /tmp/block
  )
}

# The payload was installed by cmake --install before it came here.
follow_install() {
  systemctl stop vitrine.target 'vitrine-*.socket'
  rm -rf /var/lib/vitrine
  follow 'systemctl enable --now vitrine.target'
}

same_repos() {
  for folder in /var/lib/vitrine.before /var/lib/vitrine; do
    (cd $folder/orchestrator/repos && find . -type f -exec sha256sum {} + | sort) >"/tmp/${folder##*/}" || return 1
  done
  cmp /tmp/vitrine.before /tmp/vitrine
}

printf '127.0.0.1 localhost %s\n' $host >/etc/hosts
git config --global user.name vm
git config --global user.email vm@localhost
check "the walk: installed and started" follow_install
check "the walk: a certificate of one's own authority" follow 'vitrine tls ca'
check "the walk: systemd holds 443 and 80" follow 'vitrine-tls.socket.d'
check "the walk: it answers by its name, by https, and all is well" follow 'https://demos.example.org/healthz'
check "the walk: who comes by http is led there" sh -c "curl -fsSI http://$host/ | grep -qi '^location: https://$host/'"
check "the walk: two people, and a Space pushed by https" follow 'vitrine user add'
check "the walk: a policy" follow 'vitrine policy apply'
check "the walk: a credit" follow 'vitrine credit'
check "the walk: numbers for Prometheus and auditors" follow 'vitrine audit verify'
check "the walk: a backup while it runs" follow 'vitrine backup'
check "the walk: put aside" follow 'vitrine.before'
check "the walk: restored" follow 'vitrine restore'
check "the walk: started again" follow 'systemctl start vitrine.target' 2
check "the walk: it answers again" follow 'https://demos.example.org/healthz'
check "the walk: every repo is what it was" same_repos
check "the walk: what was granted is remembered" sh -c "vitrine policy history | grep -q 'the first evening'"

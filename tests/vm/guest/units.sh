#!/bin/sh
# docs/operate.md on a clean machine: installed, under systemd, with cgroup v2.
# shellcheck source=tests/vm/guest/lib.sh
. /payload/lib.sh

url=http://127.0.0.1:8080
services="orchestrator gateway agent inference boxd"

install_units() {
  systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload &&
    systemctl enable vitrine.target && systemctl start --no-block vitrine.target
}

well() {
  curl -fsS --max-time 5 $url/healthz | grep -q '"status": *"ok"'
}

all_active() {
  for s in $services; do
    systemctl is-active "vitrine-$s.service" || return 1
  done
}

confined() {
  for s in $services; do
    status=/proc/$(systemctl show -p MainPID --value "vitrine-$s.service")/status
    grep -q '^NoNewPrivs:[[:space:]]*1' "$status" || return 1
    grep -q '^Seccomp:[[:space:]]*2' "$status" || return 1
    grep -q '^Uid:[[:space:]]*0' "$status" && return 1
  done
  return 0
}

# Blank boxes wait: each in a folder of its own below boxd's unit, held to the class small.
boxes_are_limited() {
  rm -f /tmp/found
  find /sys/fs/cgroup/system.slice/vitrine-boxd.service -type d -name '[0-9]*' >/tmp/folders
  while read -r folder; do
    [ -n "$(cat "$folder/cgroup.procs")" ] || continue
    echo "$folder" >>/tmp/found
    is "$(cat "$folder/memory.max")" 67108864 && is "$(cat "$folder/memory.swap.max")" 0 &&
      is "$(cat "$folder/pids.max")" 1 && is "$(cut -d' ' -f1 "$folder/cpu.max")" 50000 || return 1
  done </tmp/folders
  [ -s /tmp/found ]
}

push_a_space() {
  token=$(vitrine token create vm | grep -o 'hf_[A-Za-z0-9]*') || return 1
  mkdir -p /root/first && cd /root/first && git init -q -b main || return 1
  git config user.name vm && git config user.email vm@localhost
  printf -- '---\ntitle: First\nsdk: lua\napp_file: app.lua\n---\n' >README.md
  printf 'local ui = require "vitrine.ui"\nreturn ui.page({ title = "From a unit" }, function() return ui.markdown "Hello" end)\n' >app.lua
  git add -A && git commit -qm first &&
    git push "http://admin:$token@127.0.0.1:8080/spaces/admin/first" main
}

comes_back() {
  before=$(systemctl show -p MainPID --value "vitrine-$1.service")
  kill -9 "$before" || return 1
  until_true all_active && until_true well || return 1
  [ "$(systemctl show -p MainPID --value "vitrine-$1.service")" != "$before" ]
}

nothing_is_left() {
  systemctl stop vitrine.target || return 1
  sleep 1
  if pgrep -a vitrine; then
    return 1
  fi
  ! find /sys/fs/cgroup -type d -name 'vitrine-*' | grep .
}

check "the units are installed and started" install_units
check "the platform answers" until_true well
check "every service is active" all_active
check "every service is confined and none is root" confined
check "boxes are held by cgroup v2 below boxd's unit" until_true boxes_are_limited
check "a Space is pushed and built in a box" push_a_space
check "its page is there" sh -c "curl -fsS $url/spaces/admin/first | grep -q 'From a unit'"
for s in $services; do
  check "systemd brings $s back after kill -9" comes_back "$s"
done
check "its page is there after all that" sh -c "curl -fsS $url/spaces/admin/first | grep -q 'From a unit'"
check "a stop leaves no process and no cgroup" nothing_is_left

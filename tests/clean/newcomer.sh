#!/usr/bin/env bash
# Inside the new machine: the README, command by command.
set -euo pipefail

cd /root
git clone -q /vitrine.git vitrine
cd vitrine

scripts/up --port 0 --data /var/lib/vitrine --token-file /root/token >/tmp/up.log 2>&1 &
up=$!
for ((i = 0; i < 1200; i++)); do
  grep -q '^Vitrine is running\.$' /tmp/up.log && break
  kill -0 $up 2>/dev/null || break
  sleep 1
done
if grep -q '^Vitrine is running\.$' /tmp/up.log; then
  echo "ok - scripts/up installs, builds and starts on a new machine"
else
  echo "not ok - scripts/up installs, builds and starts on a new machine"
  tail -n 40 /tmp/up.log | sed 's/^/#   /'
  exit 0
fi

url=$(sed -n 's/^vitrine: ready on //p' /tmp/up.log)
for space in hello mood writer; do
  if git ls-remote -q "$url/spaces/vitrine/$space" >/dev/null; then
    echo "ok - the template $space is there"
  else
    echo "not ok - the template $space is there"
  fi
done

mkdir /root/first
cd /root/first
git init -q -b main
git config user.name newcomer
git config user.email newcomer@localhost
printf -- '---\ntitle: First\nsdk: lua\napp_file: app.lua\n---\n' >README.md
awk '/^```lua$/ { on = 1; next } /^```$/ { on = 0 } on' /root/vitrine/README.md >app.lua
git add -A
git commit -qm "first"
if git push -q "http://admin:$(cat /root/token)@${url#http://}/spaces/admin/first" main >/tmp/push.log 2>&1 &&
  grep -q "$url/spaces/admin/first" /tmp/push.log; then
  echo "ok - the app of the README is pushed and has its address"
else
  echo "not ok - the app of the README is pushed and has its address"
  sed 's/^/#   /' /tmp/push.log
fi

kill -TERM $up
wait $up && echo "ok - it ends in order" || echo "not ok - it ends in order"

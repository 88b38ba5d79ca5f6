# shellcheck shell=sh
# Sourced by the checks. check NAME COMMAND...: one line, and what the command said when it fails.
check() {
  name=$1
  shift
  if "$@" >/tmp/said 2>&1; then
    echo "ok - $name"
  else
    echo "not ok - $name"
    grep -v 'in force' /tmp/said | tail -n 40 | sed 's/^/#   /'
  fi
}

is() {
  [ "$1" = "$2" ] || {
    echo "'$1', expected '$2'"
    return 1
  }
}

until_true() {
  n=0
  until "$@"; do
    n=$((n + 1))
    [ $n -lt 300 ] || return 1
    sleep 0.5
  done
}

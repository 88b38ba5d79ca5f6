# Sourced by scripts/up: the starter Spaces, loaded as anybody loads a Space, through git push.
# shellcheck shell=bash

# One value for the content of every template: unchanged means nothing to do.
templates_stamp() {
  (cd "$root/templates" && find . -type f -not -name '*~' -print0 | sort -z | xargs -0 sha256sum) |
    sha256sum | cut -d' ' -f1
}

# push_template NAME URL: the folder as one commit, the same content always the same commit.
push_template() {
  local name=$1 url=$2 work status=0
  work=$(mktemp -d)
  cp -r "$root/templates/$name/." "$work"
  (
    cd "$work"
    export GIT_AUTHOR_NAME=Vitrine GIT_AUTHOR_EMAIL=templates@vitrine.invalid
    export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
    export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
    git init -q -b main
    git add -A
    git commit -q -m "$name"
    git push -q --force "$url/spaces/vitrine/$name" main
  ) >"$work.log" 2>&1 || status=$?
  if [[ $status != 0 ]]; then
    say "template $name was refused:"
    cat "$work.log" >&2
  fi
  rm -rf "$work" "$work.log"
  return "$status"
}

# load_templates URL DATA: pushes every folder of templates/ that is a Space, with a token that
# lives only for this.
load_templates() {
  local url=$1 data=$2 stamp token id name failed=0
  stamp=$(templates_stamp)
  [[ -f $data/templates.stamp && $(<"$data/templates.stamp") == "$stamp" ]] && return 0

  # The token travels in the environment, which other users cannot read, never in arguments.
  token=$("$build/bin/vitrine" token create templates --data "$data" | grep -o 'hf_[A-Za-z0-9]*') ||
    { say "no token for the templates"; return 1; }
  export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0 no_proxy='*'
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader
  GIT_CONFIG_VALUE_0="Authorization: Basic $(printf 'admin:%s' "$token" | base64 -w0)"
  export GIT_CONFIG_VALUE_0
  for name in "$root"/templates/*/README.md; do
    name=$(basename "$(dirname "$name")")
    if push_template "$name" "$url"; then
      say "template vitrine/$name is live"
    else
      failed=1
    fi
  done
  unset GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
  id=$("$build/bin/vitrine" token list --data "$data" | awk '/templates/ { print $1; exit }')
  [[ -n $id ]] && "$build/bin/vitrine" token revoke "$id" --data "$data" >/dev/null
  [[ $failed == 0 ]] && printf '%s\n' "$stamp" >"$data/templates.stamp"
  return "$failed"
}

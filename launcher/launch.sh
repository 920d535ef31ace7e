#!/bin/sh
# Launches all workers of the project in the working folder: builds shopfloor if needed, then `shopfloor start`.
# It takes the same flags, prints a table of workers and where their logs are, and Ctrl-C stops them all.
# With `demo` as its first word it is `shopfloor demo` instead.
set -eu

if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
    cat <<'HELP'
Builds shopfloor if needed and launches all workers of the project in the working folder; Ctrl-C stops them all.

Usage: launcher/launch.sh [FLAGS]
       launcher/launch.sh demo [FLAGS OF THE DEMO]

The flags are those of `shopfloor start`, among them:
      --spec-batch N       orders in one session of spec-worker [default: 5]
      --test-batch N       orders in one session of test-worker [default: 5]
      --impl-batch N       orders in one session of implement-worker [default: 3]
      --playtest-batch N   orders in one session of playtest-worker [default: 5]
      --commit-batch N     orders in one session of commit-worker [default: 5]
      --parallel STAGE=N   workers of a stage side by side; may be repeated
      --agent NAME         the agent of every stage, as named in shopfloor.toml
  -d, --detach             run in the background; `shopfloor stop` ends it
      --until-idle         end when no order can move any more
  -C DIR                   the project, when it is not the working folder

CARGO_TARGET_DIR is honoured. The exit codes are those of `shopfloor start`.
HELP
    exit 0
fi

# It may be called through a link from somewhere else.
self=$(readlink -f -- "$0" 2>/dev/null || printf '%s' "$0")
here=$(CDPATH='' cd -- "$(dirname -- "$self")" && pwd)
root=$(dirname -- "$here")
programs=${CARGO_TARGET_DIR:-$root/target}/release

# True when a program is missing or older than what it is built from.
stale() {
    for program in shopfloor spec-worker test-worker implement-worker playtest-worker commit-worker sim-agent; do
        [ -x "$programs/$program" ] || return 0
    done
    newer=$(find "$root/Cargo.toml" "$root/Cargo.lock" "$root/workers" "$root/launcher" \
        -type f -newer "$programs/shopfloor" ! -name '*.sh' -print 2>/dev/null)
    [ -n "$newer" ]
}

if stale; then
    command -v cargo >/dev/null || {
        echo "error: shopfloor is not built yet, and there is no cargo to build it with" >&2
        echo "  next: install Rust (https://rustup.rs), or put its cargo on PATH" >&2
        exit 1
    }
    echo "Building shopfloor (a minute or two the first time) ..." >&2
    cargo build --release --locked --quiet --manifest-path "$root/Cargo.toml" --bins >&2
    # Cargo leaves a program as it is when nothing in it changed; say that it was looked at.
    touch -c "$programs/shopfloor"
fi

if [ "${1:-}" = demo ]; then
    exec "$programs/shopfloor" "$@"
fi
exec "$programs/shopfloor" start "$@"

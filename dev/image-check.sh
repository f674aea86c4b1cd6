#!/usr/bin/env bash
# `npm run image:check`: builds the image with Docker or Podman, runs its container on a read-only root before the emulated command
# API, and checks both. `-- --image REF` checks a built image.
# Exits with 1 if a check fails, and with 2 if nothing here can build or run a container.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=maintenance-subgraph base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
port=4901 command_api=4902 token=ac45e846ca23ab42c9ae469d988ae32a9 cache=/var/tmp/compile-cache
log=$(mktemp)
unable() { echo "Not tried: $1" >&2; exit 2; }
case ${1:-} in
  '') image='' ;;
  --image) image=${2:?is missing} ;;
  *) echo "Unknown argument $1. There is --image REF." >&2; exit 1 ;;
esac
if docker info > /dev/null 2>&1; then engine=docker read_only=(--read-only)
# Without the option, Podman makes folders like /tmp writable.
elif podman info > /dev/null 2>&1; then engine=podman read_only=(--read-only --read-only-tmpfs=false)
else unable 'there is neither Docker nor Podman'; fi

npm run --silent emulator -- --port "$command_api" > /dev/null &
emulator=$! container='' failures=0
trap 'kill "$emulator"; [ -z "$container" ] || $engine rm --force "$container" > /dev/null; rm -f "$log"' EXIT
if [ -z "$image" ]; then
  # An image that was made here needs no registry.
  $engine image inspect "$base" > "$log" 2>&1 || $engine pull "$base" > "$log" 2>&1 || unable "nothing has $base: $(tail -n 1 "$log")"
  $engine build --tag "$tag" . > "$log" 2>&1 || { cat "$log"; exit 1; }
  image=$tag
fi
container=$($engine run --detach "${read_only[@]}" --network host --env "PORT=$port" \
  --env "COMMAND_API_URL=http://127.0.0.1:$command_api" --env ROUTER_SECRET=secret-of-the-image-check "$image")
inside() { $engine exec --user "$1" "$container" "${@:2}"; }

check() {
  local seen
  if seen=$("${@:2}" 2>&1); then echo "ok      $1"; else failures=$((failures + 1)) && echo "FAILED  $1: $seen"; fi
}
url=http://127.0.0.1:$port
ask() { curl --silent --max-time 10 "$url/graphql" --header 'content-type: application/json' "$@"; }
is_up() { curl --silent --fail --retry 50 --retry-delay 1 --retry-connrefused "$url/health/live" | grep "\"version\":\"$1\""; }
has_no_rights() { inside node cat /proc/1/status | grep -Pzo '(?s)\nUid:\t1000\t.*\nCapEff:\t0+\n' > /dev/null; }
takes_no_file() {
  local seen
  seen=$(inside root touch "$1/x" 2>&1) && return 1
  grep 'Read-only file system' <<< "$seen"
}
lists() {
  ask --header 'router-authorization: secret-of-the-image-check' --header "authorization: Bearer $token" --data-binary \
    '{"query":"{ maintenances(residenceId: \"r31adc223cc4b3bedb6bd4742dedcfa52\") { contact } }"}' | grep '"contact":"10086"'
}
refuses() { ask --data-binary '{"query":"{ __typename }"}' | grep ROUTER_UNAUTHENTICATED; }
is_healthy() { inside node node -e "$(node -p 'JSON.parse(/^  CMD (.+)/m.exec(fs.readFileSync("Dockerfile", "utf8"))[1]).at(-1)')"; }
uses_its_cache() {
  local seen
  # Ends when everything is loaded: its port is in use.
  seen=$(inside node env NODE_DEBUG_NATIVE=COMPILE_CACHE node src/main.ts 2>&1)
  grep -q 'transpile cache for .*/app/src/.*success' <<< "$seen" && ! grep -E '/app/.*(not initialized|rejected|mismatch)' <<< "$seen"
}
has_the_files() {
  diff <(find src schema/maintenance.graphql -type f | sort) <(inside node find src schema -type f | sort) &&
    test "$(inside node ls -A | xargs)" = 'node_modules package.json schema src'
}
# The paths of package-lock.json whose entry `one` fits. An optional package may be for another platform.
locked() { node -p "Object.entries(require('./package-lock.json').packages).flatMap(([path, one]) => (path && $1 ? path : [])).join('\n')" | sort; }
has_the_packages() {
  local there path='node_modules/(.*/node_modules/)?(@[^/]+/)?[^/@.][^/]*'
  there=$(inside node find node_modules -regextype posix-extended -type d -regex "$path" | sort)
  diff /dev/null <(comm -13 <(locked '!one.dev') - <<< "$there") &&
    diff /dev/null <(comm -23 <(locked '!one.dev && !one.optional && !one.devOptional') - <<< "$there")
}
has_no_package_manager() {
  diff /dev/null <(inside root find / -xdev '(' -name npm -o -name npx -o -name 'yarn*' -o -name corepack ')' -not -path '/app/*' || echo failed)
}
owns_its_cache() { diff <(echo "$cache") <(inside root find / -xdev -user node -prune -not -path '/home/*'); }
keeps_no_file() { diff /dev/null <(inside root find / -xdev '(' -name .npmrc -o -name _cacache -o -name .env -o -name .git ')' || echo failed); }
# Those of the base, of an engine, of the Dockerfile and of this check.
keeps_no_variable() {
  local known='PATH|HOME|HOSTNAME|TERM|container|NODE_VERSION|YARN_VERSION|NODE_EXTRA_CA_CERTS|NODE_ENV|NODE_COMPILE_CACHE'
  diff /dev/null <((inside node env || echo failed) | grep -vE "^($known|PORT|COMMAND_API_URL|ROUTER_SECRET)=")
}

check 'is live, with its version' is_up "$(node -p 'require("./package.json").version')"
check 'runs as the user node without capabilities' has_no_rights
for folder in /app /tmp /var/tmp "$cache"; do check "takes no file in $folder" takes_no_file "$folder"; done
check 'answers with the router secret' lists
check 'answers 401 without it' refuses
check 'its HEALTHCHECK succeeds' is_healthy
check 'uses its compile cache' uses_its_cache
check 'has the files of src/ and schema/, and no others' has_the_files
check 'has the packages that ship, and no others' has_the_packages
check 'has no package manager' has_no_package_manager
check 'its user owns only the compile cache' owns_its_cache
check 'keeps no file of the build' keeps_no_file
check 'keeps no variable of the build' keeps_no_variable
$engine kill --signal TERM "$container" > /dev/null
check 'ends on SIGTERM with 0' test "$($engine wait "$container")" = 0
[ "$failures" = 0 ] || { $engine logs "$container"; exit 1; }

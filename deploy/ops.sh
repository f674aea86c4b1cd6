#!/bin/sh
# shellcheck disable=SC2016
# What the log of the subgraph says, for docs/runbook.md: `deploy/ops.sh help`. Needs jq, and kubectl for a namespace.
set -fu

help() {
  cat << 'END'
ops.sh [-n NAMESPACE] logs [SINCE] [KIND]   prints the log as JSON lines. KIND is one of starts (and ends, and crashes),
                                            faults (of the subgraph), unknown (writes that may have happened),
                                            flawed (replies that break the contract)
ops.sh [-n NAMESPACE] failed [SINCE]        counts failures, each kind with time and id of its last
ops.sh [-n NAMESPACE] find_id ID [SINCE]    prints the operations with this id, and their failed commands

SINCE is like 30s, 15m (the default; of find_id, 1h) or 24h.
With -n, the log is that of all pods of a namespace, by kubectl's current context, also of containers that have ended.
Kubernetes keeps the last 10 MiB of a container's log, by default. Without -n, the log is standard input:
    docker logs maintenance 2>&1 | deploy/ops.sh failed
END
}

fail() {
  echo "ops: $*" >&2
  exit 2
}

selector=app.kubernetes.io/name=maintenance-subgraph

# Prints the log of a namespace. Fails if a part of it cannot be read.
pod_lines() {
  for previous in true false; do
    kubectl --namespace "$namespace" logs --selector "$selector" --container maintenance-subgraph \
      --ignore-errors --tail -1 --since "$since" --previous="$previous" || echo 'error: kubectl logs failed'
  done |
    # kubectl prints errors among the lines, some without an end. Most containers have no previous log, new ones have none yet.
    awk '
      /^(unable to retrieve container logs|failed to .*[.]log)/ || /^[{].*([^}]$|[{]"level":)/ {
        print "error: a log is gone, or breaks off" > "/dev/stderr"
        unread = 1
        if (!sub(/^.+[{]"level":/, "{\"level\":")) next
      }
      /^error: previous terminated container / { next }
      /^error: / {
        if (!seen[$0]++) print > "/dev/stderr"
        if (!/ is waiting to start: / || / start: .*([Ii]mage|Registry|Signature)/) unread = 1
        next
      }
      { print }
      END { exit unread }'
}

# Prints what a filter of jq makes of each line: read_log FILTER.
read_log() {
  jq -cR --arg namespace "$namespace" --arg since "$since" '
    ($since[:-1] | tonumber * {s: 1, m: 60, h: 3600}[$since[-1:]]) as $seconds
    | fromjson? | objects
    # kubectl has left out older lines, by the clock of their machine.
    | select($namespace != "" or .time / 1000 > now - $seconds)?
    | (.time |= (. / 1000 | todate))? | '"$1" "$log"
}

logs() {
  case $1 in
    '') filter=. ;;
    starts) filter='select(.msg | IN("ready", "stopping", "stopped", "crashed")) | {time, hostname, version, msg, signal, err}' ;;
    faults) filter='select((.msg | IN("unforeseen error", "crashed")) or (.codes // [] | index("INTERNAL_SERVER_ERROR")))' ;;
    unknown) filter='(.commands[]? |= select(.outcome == "UNKNOWN")) | select(.commands // [] | length > 0)' ;;
    flawed) filter='.time as $time | .commands[]? | select(.flaws) | {time: $time, id, name, flaws}' ;;
    *) fail "there is no kind $1: see ops.sh help" ;;
  esac
  read_log "$filter"
}

failed() {
  read_log '. as $line
    | [.commands[]? | select(.code)] as $failed
    | if $failed != [] then $failed[] else {code: (.codes[0]? // empty), name: "(no command failed)", id: .requestId} end
    | [$line.time, .id, "\(.code) \(.name) detail=\(.detail | tojson) upstreamCode=\(.upstreamCode | tojson)" +
        " client=\($line.clientName | tojson) host=\($line.hostname | tojson)"]' |
    jq -r '@tsv' |
    awk -F '\t' '{ count[$3]++; if ($1 >= time[$3]) { time[$3] = $1; id[$3] = $2 } }
      END { for (kind in count) printf "%6d %s last=%s id=%s\n", count[kind], kind, time[kind], id[kind] }' |
    sort -rn |
    awk 'NR <= 20 { print } END { if (NR > 20) print "ops: " NR - 20 " kinds are left out" > "/dev/stderr" }'
}

find_id() {
  read_log . | jq --arg id "$1" 'select(any(.. | strings; . == $id))
    | del(.commands[]? | select((.code or .flaws or .id == $id) | not))'
}

command -v jq > /dev/null || fail 'jq is missing'
namespace=
if [ "${1-}" = -n ]; then
  namespace=${2-}
  [ -n "$namespace" ] || fail '-n needs a namespace'
  shift 2
fi
command=${1-help} argument='' since=15m
case $command in
  logs) since=${2:-15m} argument=${3-} ;;
  failed) since=${2:-15m} ;;
  find_id) since=${3:-1h} argument=${2:?ops.sh find_id needs an id} ;;
  help) help && exit ;;
  *) fail "there is no $command: see ops.sh help" ;;
esac
case $since in *[!0-9]*[smh] | [smh] | *[!smh]) fail "$since is no time, such as 30s, 15m or 24h" ;; esac
log=$(mktemp) || exit
trap 'rm -f "$log"' EXIT
unread=
if [ "$namespace" ]; then
  pods=$(kubectl --namespace "$namespace" get pods --selector "$selector" --output name) || fail "kubectl failed in the namespace $namespace"
  [ "$pods" ] || fail "the namespace $namespace has no pod of the subgraph"
  pod_lines > "$log" || unread=yes
else
  [ ! -t 0 ] || fail 'standard input is a terminal: give it a log, or -n a namespace'
  cat > "$log" || unread=yes
fi
"$command" "$argument" || exit
[ -z "$unread" ] || { echo 'ops: the answer is incomplete' >&2 && exit 1; }

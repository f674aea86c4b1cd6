# shellcheck shell=sh disable=SC2016,SC2317
# The commands of docs/runbook.md, for bash, zsh and POSIX sh: `. deploy/ops.sh`, then `ops help`. They need jq.
# `ops` runs in a subshell: options, names and the kube context of your shell stay as they are.

ops() (
  [ -z "${ZSH_VERSION-}" ] || emulate -R sh
  # `-x` would print secrets.
  set +aefuxC
  unset IFS

  ops_help() {
    cat << 'END'
ops logs [SINCE] [KIND]    prints the log as JSON lines, also of containers that have ended. KIND is one of
                           starts (and ends, and crashes), faults (of the subgraph), unknown (writes that may have
                           happened), flawed (replies that break the contract)
ops failed [SINCE]         counts failures, each kind with time and id of its last
ops find_id ID [SINCE]     prints the operations with this id, and their failed commands
ops ask                    asks the command API from where the subgraph runs
ops images                 lists what can run, by REVISION: the running one has ready pods, or is last with systemd
ops schema [REVISION]      prints a schema, by default that of the running version
ops restart                restarts all processes, one after another
ops rotate begin NEW       accepts NEW too as the router's secret, and restarts
ops rotate end             accepts only the newest secret, and restarts
ops roll_back REVISION     runs this revision again
ops help                   prints this text

SINCE is like 30s, 15m (the default; of find_id, 1h) or 24h. Kubernetes has the last 10 MiB of a container's log, by default.
OPS_ON=kubernetes needs OPS_NAMESPACE. It uses kubectl's current context.
OPS_ON=systemd, as root, is for the processes of this machine. OPS_PAUSE=10 are the seconds between two restarts: more
  than the proxy's interval of health checks times the successes that it needs.
OPS_ON='one.log /var/log/other-*.log' are files of the log. `ops ask` then takes COMMAND_API_URL from this shell.
END
  }
  ops_fail() {
    echo "ops: $*" >&2
    exit 2
  }
  ops_has() { command -v "$1" > /dev/null; }
  ops_kube() { kubectl --namespace "$OPS_NAMESPACE" "$@" || ops_fail "kubectl $1 failed in the namespace $OPS_NAMESPACE"; }
  ops_exec() { ops_kube exec deployment/maintenance-subgraph --container maintenance-subgraph -- "$@"; }
  ops_wait() { ops_kube rollout status deployment/maintenance-subgraph --timeout 10m; }

  # Fails if a log cannot be read.
  ops_lines() {
    case $ops_on in
      kubernetes)
        for ops_container in --previous --previous=false; do
          kubectl --namespace "$OPS_NAMESPACE" logs --selector "$ops_selector" --container maintenance-subgraph \
            --ignore-errors --tail -1 --since "$ops_since" "$ops_container" || echo 'error: kubectl logs failed'
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
        ;;
      systemd) journalctl --unit 'maintenance-subgraph@*' --since "-$ops_since" --all --output json ;;
      *)
        # shellcheck disable=SC2086 # Several files, or patterns.
        if [ -e "$ops_on" ]; then cat -- "$ops_on"; else cat -- $ops_on; fi
        ;;
    esac
  }

  # Prints what a filter of jq makes of each line: ops_read FILTER. Descriptor 3 learns that a log is missing: pipes lose its code.
  ops_read() {
    { ops_lines || echo unread >&3; } | jq -cR --arg on "$ops_on" --arg since "$ops_since" '
      # Terminals obey these characters. journald gives a text with them as an array of its bytes, in UTF-8.
      def printable: gsub("[\u007f-\u009f]"; "");
      def decoded: reduce .[] as $byte ([];
        if $byte >= 128 and $byte < 192 then .[-1] = .[-1] * 64 + $byte % 64
        else . + [if $byte < 128 then $byte elif $byte < 224 then $byte % 32 elif $byte < 240 then $byte % 16 else $byte % 8 end]
        end) | implode;
      ($since[:-1] | tonumber * {s: 1, m: 60, h: 3600}[$since[-1:]]) as $seconds
      | printable | fromjson? | objects | ._SYSTEMD_UNIT as $unit
      | if $unit then
          (.MESSAGE | if type == "array" then decoded else . end | printable | fromjson)? | objects | .hostname += " " + $unit
        else . end
      # kubectl and journalctl have left out older lines.
      | select($on == "kubernetes" or $unit or .time / 1000 > now - $seconds)?
      | (.time |= (. / 1000 | todate))? | '"$1"
  }

  ops_logs() {
    case ${2-} in
      '') ops_filter=. ;;
      starts) ops_filter='select(.msg | IN("ready", "stopping", "stopped", "crashed")) | {time, hostname, version, msg, signal, err}' ;;
      faults) ops_filter='select((.msg | IN("unforeseen error", "crashed")) or (.codes // [] | index("INTERNAL_SERVER_ERROR")))' ;;
      unknown) ops_filter='(.commands[]? |= select(.outcome == "UNKNOWN")) | select(.commands // [] | length > 0)' ;;
      flawed) ops_filter='.time as $time | .commands[]? | select(.flaws) | {time: $time, id, name, flaws}' ;;
      *) ops_fail "there is no kind $2: see ops help" ;;
    esac
    ops_read "$ops_filter"
  }

  ops_failed() {
    ops_read '. as $line
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

  ops_find_id() {
    [ -n "${1-}" ] || ops_fail 'find_id needs an id'
    ops_read . | jq --arg id "$1" 'select(any(.. | strings; . == $id))
      | del(.commands[]? | select((.code or .flaws or .id == $id) | not))'
  }

  ops_ask() {
    ops_program='const { COMMAND_API_URL: url, COMMAND_API_PROXY: proxy } = process.env
      const { Agent, get } = require(url.split(":")[0])
      const [major, minor] = process.versions.node.split(".").map(Number)
      if (proxy && major * 100 + minor < 2405) throw new Error("a proxy needs Node 24.5 or later")
      const agent = new Agent({ proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } })
      const start = performance.now()
      const way = url + (proxy ? " through the proxy " + new URL(proxy).host : "")
      const end = (...found) => {
        console.log(...found.filter(Boolean), "after", ((performance.now() - start) / 1000).toFixed(1), "s:", way)
        process.exit()
      }
      setTimeout(end, 20000, "timeout")
      get(url, { agent }, (r) => end(r.statusCode)).on("error", (e) => {
        const { address, port } = e.errors?.[0] ?? e
        end(e.code, e.statusCode, address && address + ":" + port)
      })'
    case $ops_on in
      kubernetes) ops_answer=$(ops_exec node -e "$ops_program") ;;
      systemd)
        ops_answer=$(env -i PATH="$PATH" sh -c 'set -a; . /etc/maintenance-subgraph/environment; exec node -e "$0"' "$ops_program")
        ;;
      *) ops_answer=$(COMMAND_API_URL=${COMMAND_API_URL:?} COMMAND_API_PROXY=${COMMAND_API_PROXY-} node -e "$ops_program") ;;
    esac || exit
    echo "$ops_answer"
    case $ops_answer in
      [1-5][0-9][0-9]\ *) echo 'The network works. Call the vendor.' ;;
      *' through the proxy '*) echo 'The proxy does not get through. Call the network team.' ;;
      *) echo 'Try it from outside your network. Fails too: call the vendor. Works: call the network team.' ;;
    esac
  }

  ops_images() {
    if [ "$ops_on" = kubernetes ]; then
      ops_sets=$(ops_kube get replicasets --selector "$ops_selector" --output json) || exit
      printf '%s' "$ops_sets" | jq -r '.items[] | [
        .metadata.annotations["deployment.kubernetes.io/revision"], .metadata.creationTimestamp,
        .spec.template.metadata.labels["app.kubernetes.io/version"], "\(.status.readyReplicas // 0) ready",
        (.spec.template.spec.containers[] | select(.name == "maintenance-subgraph").image)] | @tsv' | sort -n
    else
      ops_running=$(readlink -f /opt/maintenance-subgraph)
      { printf '%s\n' /opt/maintenance-subgraph-* | grep -Fxv "$ops_running"; echo "$ops_running"; } |
        awk -F maintenance-subgraph- '{ print $NF "\t" $0 }'
    fi
  }

  # Sets ops_folder to that of a version with systemd, by default the running one: ops_at [VERSION]
  ops_at() {
    ops_folder=/opt/maintenance-subgraph${1:+-$1}
    [ -d "$ops_folder" ] || ops_fail "there is no $ops_folder"
  }

  ops_schema() {
    case $ops_on${1-} in
      kubernetes) ops_exec cat schema/maintenance.graphql ;;
      kubernetes*)
        ops_image=$(ops_images | awk -v revision="$1" '$1 == revision { print $NF }')
        [ -n "$ops_image" ] || ops_fail "there is no revision $1: see ops images"
        docker run --rm --entrypoint cat "$ops_image" schema/maintenance.graphql
        ;;
      *) ops_at "${1-}" && cat "$ops_folder/schema/maintenance.graphql" ;;
    esac
  }

  ops_restart() {
    if [ "$ops_on" = kubernetes ]; then
      ops_kube rollout restart deployment/maintenance-subgraph && ops_wait
      return
    fi
    ops_units=$(systemctl list-units --plain --no-legend 'maintenance-subgraph@*' | cut -d ' ' -f 1)
    [ -n "$ops_units" ] || ops_fail 'no unit maintenance-subgraph@… is here'
    for ops_unit in $ops_units; do
      ops_port=${ops_unit#*@}
      systemctl restart "$ops_unit"
      curl --silent --fail --noproxy '*' --output /dev/null --retry 30 --retry-delay 1 --retry-connrefused \
        "http://127.0.0.1:${ops_port%.service}/health/ready" || ops_fail "$ops_unit is not ready: journalctl --unit $ops_unit"
      echo "$ops_unit is ready"
      sleep "${OPS_PAUSE:-10}"
    done
  }

  # Fails unless the subgraph would accept this as one of several secrets: ops_check WHOSE SECRET
  ops_check() {
    LC_ALL=C
    case $2 in
      *[!!-~]* | [\"\'\`]* | *[\"\'\`]) false ;;
      *) [ "${#2}" -ge 16 ] && [ "${#2}" -le 16364 ] ;;
    esac || ops_fail "the $1 secret must have 16 to 16364 characters of visible ASCII, and no quotation mark at its ends"
  }

  ops_rotate() {
    if [ "$ops_on" = kubernetes ]; then
      ops_secret=$(ops_kube get secret maintenance-subgraph --output json) || exit
      ops_old=$(printf '%s' "$ops_secret" | jq -r '.data.ROUTER_SECRET | @base64d')
    else
      ops_old=$(cat /etc/maintenance-subgraph/router-secret) || exit
    fi
    ops_old=$(printf '%s' "$ops_old" | tr -s '[:space:]' ' ' | sed 's/^ //; s/ $//')
    [ -n "$ops_old" ] || ops_fail 'there is no secret to rotate'
    set -f
    case ${1-}:${2-} in
      begin:?*)
        ops_check new "$2"
        for ops_one in $ops_old; do ops_check old "$ops_one"; done
        # Again, after a restart that failed.
        case " $ops_old " in *" $2 "*) ops_new=$ops_old ;; *) ops_new="$2 $ops_old" ;; esac
        ;;
      end:)
        ops_new=${ops_old%% *}
        [ "$ops_new" = "$ops_old" ] || ops_check old "$ops_new"
        ;;
      *) ops_fail 'rotate begin NEW, or rotate end' ;;
    esac
    # shellcheck disable=SC2086 # One a word.
    set -- $ops_new
    [ $# -le 5 ] || ops_fail 'there are five secrets: first, ops rotate end'
    if [ "$ops_on" = kubernetes ]; then
      printf '%s' "$ops_secret" | ops_new=$ops_new jq '.data.ROUTER_SECRET = (env.ops_new | @base64)' | ops_kube replace --filename - || exit
    else
      printf '%s\n' "$ops_new" > /etc/maintenance-subgraph/router-secret || exit
    fi
    ops_restart
  }

  ops_roll_back() {
    case $ops_on:${1-} in
      *:) ops_fail 'roll_back needs a REVISION of: ops images' ;;
      kubernetes:*)
        ops_kube rollout undo deployment/maintenance-subgraph --to-revision "$1" && ops_wait &&
          echo "Now apply the overlay of that version, with its image: else its variables stay in the next release."
        ;;
      *) ops_at "$1" && ln -sfn "$ops_folder" /opt/maintenance-subgraph && ops_restart ;;
    esac
  }

  case ${1-help} in
    help) ops_help && exit ;;
    logs | failed | find_id | ask | images | schema | restart | rotate | roll_back) ops_command=$1 && shift ;;
    *) ops_fail "there is no $1: see ops help" ;;
  esac
  ops_on=${OPS_ON-}
  if [ -z "$ops_on" ]; then
    if ops_has kubectl && ops_has systemctl; then ops_fail 'Kubernetes, or systemd? Set OPS_ON=kubernetes or OPS_ON=systemd'; fi
    if ops_has kubectl; then ops_on=kubernetes; else ops_on=systemd; fi
  fi
  ops_selector=app.kubernetes.io/name=maintenance-subgraph
  if [ "$ops_on" = kubernetes ]; then
    [ -n "${OPS_NAMESPACE-}" ] || ops_fail 'set OPS_NAMESPACE, the namespace of the subgraph'
    case $ops_command in
      logs | failed | find_id) ops_found=$(ops_kube get pods --selector "$ops_selector" --output name) ;;
      *) ops_found=$(ops_kube get deployment/maintenance-subgraph --output name) ;;
    esac || exit
    [ -n "$ops_found" ] || ops_fail "the namespace $OPS_NAMESPACE has no pod of the subgraph"
  fi
  case $ops_command in
    logs | failed | find_id)
      if [ "$ops_command" = find_id ]; then ops_since=${2:-1h}; else ops_since=${1:-15m}; fi
      case $ops_since in *[!0-9]*[smh] | [smh] | *[!smh]) ops_fail "$ops_since is no time, such as 30s, 15m or 24h" ;; esac
      { ops_unread=$("ops_$ops_command" "$@" 3>&1 >&4) || exit; } 4>&1
      [ -z "$ops_unread" ] || { echo 'ops: the answer is incomplete' >&2 && exit 1; }
      ;;
    ask) ops_ask ;;
    *)
      case $ops_on in kubernetes | systemd) ;; *) ops_fail "$ops_command needs OPS_ON=kubernetes or OPS_ON=systemd" ;; esac
      "ops_$ops_command" "$@"
      ;;
  esac
)

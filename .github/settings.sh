#!/usr/bin/env bash
# Makes the settings of GitHub without which anyone who can push a branch could release: docs/releases.md.
#
#     .github/settings.sh            makes them, then compares
#     .github/settings.sh --check    only compares: prints each difference, and exits with 1 if there is one
#
# Needs jq and gh, logged in as an administrator. Any other login compares what GitHub shows it: the first job of a release
# does so with its own token.
#
# As configured, not yet run: GitHub never had these settings. test/tools/release.test.ts runs this file with a stub of gh.
set -euo pipefail
cd "$(dirname "$0")/.."

# Fill in, and commit. An empty variable must not exist on GitHub.
variables=(
  COSIGN_KEY=       # Such as awskms:///alias/releases. Without a KMS: env://COSIGN_PRIVATE_KEY.
  OVERLAY=          # Such as deploy/overlay-production. Empty: a tag neither deploys nor publishes.
  APOLLO_GRAPH_REF= # Such as graph@current. Empty: nothing is published.
)
# May tag a version, and approves its release: the owner of `*`.
team=$(sed -n 's|^\* *@[^/ ]*/\([^ ]*\).*|\1|p' .github/CODEOWNERS)
# The jobs of ci.yml, and of graphos.yml, by name.
jobs='["Test", "Audit the workflows", "Image", "Apollo Router v2.15.0", "Apollo Router v2.17.0"]'
graph=${variables[2]#*=}
[ -z "$graph" ] || jobs=$(jq --compact-output '. + ["Check the schema in GraphOS"]' <<< "$jobs")

check=${1-}
case "$check" in
  '' | --check) ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' .github/settings.sh && exit 2 ;;
esac
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
repository=${GITHUB_REPOSITORY:-$(gh repo view --json nameWithOwner --jq .nameWithOwner)}
api() { gh api "repos/$repository$1" "${@:2}"; }
# Prints what GitHub has, or null. 409 is a list that another setting turns off.
get() {
  local answer
  if answer=$(api "$1" 2> "$errors"); then printf '%s\n' "$answer"
  elif grep --quiet 'HTTP 40[49]' "$errors"; then echo null
  else cat "$errors" >&2 && return 1; fi
}
make() { printf '%s' "$3" | api "$2" --method "$1" --input - > /dev/null; }

admin=$(api '' | jq '.permissions.admin // false')
team_id=null
if [ "$admin" = true ] && ! team_id=$([ "$team" ] && gh api "orgs/${repository%/*}/teams/$team" 2> "$errors" | jq .id); then
  grep --invert-match 'HTTP 404' "$errors" ||
    echo "${repository%/*} has no team '$team': the first owner of \`*\` in .github/CODEOWNERS must be a team of it."
  exit 1
fi

ruleset() {
  jq --null-input --argjson jobs "$jobs" --argjson team "$team_id" --arg name "$1" '
    def of($target; $ref): { $name, $target, enforcement: "active", conditions: { ref_name: { include: [$ref], exclude: [] } } };
    { versions: (of("tag"; "refs/tags/v*") + {
        bypass_actors: [{ actor_id: $team, actor_type: "Team", bypass_mode: "always" }],
        rules: [{ type: "creation" }, { type: "update" }, { type: "deletion" }]
      }),
      main: (of("branch"; "refs/heads/main") + {
        bypass_actors: [],
        rules: [{ type: "deletion" }, { type: "non_fast_forward" },
          { type: "pull_request", parameters: { required_approving_review_count: 1, require_code_owner_review: true,
            dismiss_stale_reviews_on_push: true, require_last_push_approval: false, required_review_thread_resolution: false } },
          # 15368 is GitHub Actions: nothing else can pass in the name of a job.
          { type: "required_status_checks", parameters: { strict_required_status_checks_policy: false,
            required_status_checks: [$jobs[] | { context: ., integration_id: 15368 }] } }]
      }) }[$name]'
}
ruleset_id() { api '/rulesets?includes_parents=false&per_page=100' | jq --arg name "$1" '.[] | select(.name == $name).id'; }
PRODUCTION='{ "can_admins_bypass": false, "prevent_self_review": true,
  "deployment_branch_policy": { "protected_branches": false, "custom_branch_policies": true } }'
TAGS='{ "name": "v*", "type": "tag" }'
POLICIES=/environments/production/deployment-branch-policies
ACTIONS='{ "enabled": true, "allowed_actions": "selected", "sha_pinning_required": true }'
# What the workflows use, such as the login of your cloud.
SELECTED=$(sed -n 's/^[- ]*uses: \([^./@][^@]*\)@.*/\1@*/p' .github/workflows/*.yml | grep -v '^actions/' |
  jq --raw-input . | jq --slurp '{ github_owned_allowed: true, verified_allowed: false, patterns_allowed: unique }')
WORKFLOW='{ "default_workflow_permissions": "read", "can_approve_pull_request_reviews": false }'

if [ -z "$check" ]; then
  [ "$admin" = true ] || { echo "You are no administrator of $repository: only --check works." && exit 1; }
  for name in versions main; do
    id=$(ruleset_id "$name")
    if [ "$id" ]; then make PUT "/rulesets/$id" "$(ruleset "$name")"; else make POST /rulesets "$(ruleset "$name")"; fi
  done
  make PUT /environments/production "$(jq --argjson id "$team_id" '. + { reviewers: [{ type: "Team", $id }] }' <<< "$PRODUCTION")"
  for id in $(get $POLICIES | jq '.branch_policies[].id'); do api "$POLICIES/$id" --method DELETE; done
  make POST $POLICIES "$TAGS"
  [ -z "$graph" ] || make PUT /environments/graphos-check '{}'
  make PUT /actions/permissions "$ACTIONS"
  make PUT /actions/permissions/selected-actions "$SELECTED"
  make PUT /actions/permissions/workflow "$WORKFLOW"
  for variable in "${variables[@]}"; do
    name=${variable%%=*} value=${variable#*=}
    has=$(get "/actions/variables/$name")
    body=$(jq --null-input --arg name "$name" --arg value "$value" '{ $name, $value }')
    if [ -z "$value" ]; then [ "$has" = null ] || api "/actions/variables/$name" --method DELETE
    elif [ "$has" = null ]; then make POST /actions/variables "$body"
    else make PATCH "/actions/variables/$name" "$body"; fi
  done
fi

status=0
# Takes a title, the setting, and the one of GitHub, whose objects may have more members.
compare() {
  local lines
  lines=$(jq --null-input --raw-output --arg title "$1" --argjson want "$2" --argjson have "$3" --argjson admin "$admin" '
    def fits($have):
      if type == "object" then ($have | type) == "object" and (to_entries | all(.key as $key | .value | fits($have[$key])))
      elif type == "array" then ($have | type) == "array" and ($have | length) == length
        and all(. as $one | $have | any(. as $other | $one | fits($other)))
      else . == $have end;
    def differences($have):
      if ([., $have] | map(type)) == ["object", "object"] then to_entries[] | .key as $key | .value
        | select(fits($have[$key]) | not) | "  \($key): \(tojson), but GitHub has \($have[$key] | tojson)"
      else select(fits($have) | not) | "  \(tojson), but GitHub has \($have | tojson)" end;
    ($want | objects | if $admin or $have == null then {} else . end | keys - ($have | objects | keys - ["bypass_actors"])
      | map(select(. == "bypass_actors" or . == "can_admins_bypass"))) // [] | . as $hidden
    | [$want | delpaths([$hidden[] | [.]]) | differences($have)]
    | (if . == [] then "ok" else "differs" end + ": \($title)"), .[], ($hidden[] | "  not shown to this login: \(.)")')
  printf '%s\n' "$lines"
  case "$lines" in differs*) status=1 ;; esac
}
for name in versions main; do
  id=$(ruleset_id "$name")
  compare "ruleset $name" "$(ruleset "$name")" "$(if [ "$id" ]; then get "/rulesets/$id"; else echo null; fi)"
done
compare 'environment production' "$(jq --arg slug "$team" '. + { reviewers: [{ type: "Team", $slug }] }' <<< "$PRODUCTION")" \
  "$(get /environments/production | jq 'if . then ([.protection_rules[] | select(.type == "required_reviewers")] | first) as $rule
    | . + { prevent_self_review: $rule.prevent_self_review, reviewers: [$rule.reviewers[]? | { type, slug: .reviewer.slug }] } else . end')"
compare 'tags of environment production' "[$TAGS]" "$(get $POLICIES | jq '.branch_policies')"
[ -z "$graph" ] || compare 'environment graphos-check, without reviewers' '{ "protection_rules": [] }' "$(get /environments/graphos-check)"
if [ "$admin" = true ]; then
  compare 'actions' "$ACTIONS" "$(get /actions/permissions)"
  compare 'allowed actions' "$SELECTED" "$(get /actions/permissions/selected-actions)"
  compare 'permissions of workflows' "$WORKFLOW" "$(get /actions/permissions/workflow)"
  for variable in "${variables[@]}"; do
    compare "variable ${variable%%=*}" "$(jq --null-input --arg value "${variable#*=}" '$value')" \
      "$(get "/actions/variables/${variable%%=*}" | jq '.value // ""')"
  done
  compare 'secrets of the repository, which each branch can read' '[]' \
    "$(get '/actions/secrets?per_page=100' |
      jq '[.secrets[].name | select(IN("KUBECONFIG", "APOLLO_KEY", "COSIGN_PRIVATE_KEY", "COSIGN_PASSWORD"))]')"
else
  echo 'not shown to this login: actions, variables, secrets'
fi
[ "$status" = 0 ] || echo '::error::Settings of GitHub differ from .github/settings.sh: docs/releases.md.'
exit "$status"

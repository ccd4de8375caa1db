# A master alone, in a network namespace of its own, for tests of the API. To be sourced by a bats file:
#
#   load api
#   setup_file()    { master_start; }
#   teardown_file() { master_stop; }
#
# Then: k ARGS...              kubectl ($KUBECTL or the one on PATH) against it, as admin
#       api METHOD PATH [BODY [TYPE]]   one request as admin: the answer's body, and its status as the last line
#       as NAME METHOD PATH    the same with another client certificate (kubelet, proxy), or "nobody"
#       master_kill            SIGKILL;   master_again   starts it on the same state
#       eventually SECONDS COMMAND...

BIN=${WHERRY_BIN:-$PWD/build/release/bin}
. "${BASH_SOURCE[0]%/*}/../eventually.bash"

in_net() { nsenter --net="/run/netns/$API_NET" "$@"; }

k() {
    in_net env KUBECONFIG="$API_DIR/state/admin.kubeconfig" HOME="$API_DIR/home" "${KUBECTL:-kubectl}" --cache-dir "$API_DIR/cache" "$@"
}

as() {
    local who=$1 method=$2 path=$3 pki=$API_DIR/state/pki cert=()
    [ "$who" = nobody ] || cert=(--cert "$pki/$who.crt" --key "$pki/$who.key")
    shift 3
    in_net curl -sS --max-time 30 --cacert "$pki/ca.crt" "${cert[@]}" -X "$method" -w '\n%{http_code}\n' \
        -H "Content-Type: ${2:-application/json}" ${1:+--data-binary "$1"} "https://198.18.0.1:6443$path"
}
api() { as admin "$@"; }

master_again() {
    (exec nsenter --net="/run/netns/$API_NET" setsid "$BIN/wherry-master" --state "$API_DIR/state" --run "$API_DIR/run" \
        --advertise 198.18.0.1 </dev/null >>"$API_DIR/log" 2>&1 3>&- 4>&-) &
    echo $! >"$API_DIR/pid"
    eventually 20 serves
}
serves() { in_net curl -sS --max-time 5 --cacert "$API_DIR/state/pki/ca.crt" https://198.18.0.1:6443/readyz; }
# exec, nsenter and setsid all execute in place: this is the master itself.
master_kill() { kill -9 "$(cat "$API_DIR/pid")" && tail --pid="$(cat "$API_DIR/pid")" -f /dev/null; }

master_start() {
    export API_NET=wherry-test-api-$$ API_DIR
    API_DIR=$(mktemp -d /tmp/wherry-api.XXXXXX)
    mkdir "$API_DIR/home"
    ip netns add "$API_NET"
    ip -n "$API_NET" link set lo up
    ip -n "$API_NET" addr add 198.18.0.1/32 dev lo
    master_again
}

master_stop() {
    [ -n "${API_DIR:-}" ] || return 0
    local pid status=0
    pid=$(cat "$API_DIR/pid")
    kill "$pid" 2>/dev/null && timeout 20 tail --pid="$pid" -f /dev/null || status=1
    ip netns del "$API_NET"
    grep -E 'ERROR|Sanitizer|runtime error' "$API_DIR/log" && status=1
    [ "${KEEP:-}" ] || rm -rf "$API_DIR"
    return $status
}

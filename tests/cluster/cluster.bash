# A cluster for tests: network namespaces as nodes on a bridge in a namespace of their own, no route out, nothing on the host but
# processes, files below one temporary folder and one cgroup subtree. To be sourced by a bats file:
#
#   load cluster
#   setup_file()    { cluster_start 1; }       how many nodes; the first has the master (NODE_GRACE: its grace period)
#   teardown_file() { cluster_stop; }          also after a failure; fails if anything is left
#
# Then: k ARGS...            kubectl, as it is on PATH, against this cluster, from inside its network
#       w [N] ARGS...        wherry of node N (default 1)
#       at N COMMAND...      a command in node N's network namespace
#       eventually SECONDS COMMAND...   until it succeeds; prints what it said last otherwise
#       $IMAGE               an image that every node has, with busybox in it

BIN=${WHERRY_BIN:-$PWD/build/release/bin}
. "${BASH_SOURCE[0]%/*}/../eventually.bash"
IMAGE=busybox:1.35

at() { local n=$1; shift; nsenter --net="/run/netns/$CLUSTER-n$n" "$@"; }
hub() { nsenter --net="/run/netns/$CLUSTER-hub" "$@"; }

k() { hub env KUBECONFIG="$CLUSTER_DIR/n1/state/admin.kubeconfig" HOME="$CLUSTER_DIR" "${KUBECTL:-kubectl}" "$@"; }

w() {
    local n=1
    case $1 in [1-9]) n=$1; shift ;; esac
    at "$n" env WHERRY_STATE="$CLUSTER_DIR/n$n/state" WHERRY_RUN="$CLUSTER_DIR/n$n/run" \
        KUBECONFIG="$CLUSTER_DIR/n1/state/admin.kubeconfig" "$BIN/wherry" "$@"
}

# The pid of a daemon of node N: pid_of 1 kubelet
pid_of() { cut -d' ' -f1 "$CLUSTER_DIR/n$1/run/$2.pid"; }

_node_network() { # N
    ip netns add "$CLUSTER-n$1"
    ip -n "$CLUSTER-n$1" link set lo up
    ip -n "$CLUSTER-hub" link add "n$1" type veth peer name eth0 netns "$CLUSTER-n$1"
    ip -n "$CLUSTER-hub" link set "n$1" master sw up
    ip -n "$CLUSTER-n$1" addr add "198.18.0.$1/24" dev eth0
    ip -n "$CLUSTER-n$1" link set eth0 up
}

_node_up() { # N
    local join=()
    mkdir -p "$CLUSTER_DIR/n$1"
    if [ "$1" != 1 ]; then
        "$BIN/wherry-master" node-credentials --state "$CLUSTER_DIR/n1/state" --node-name "n$1" --node-ip "198.18.0.$1" \
            --advertise 198.18.0.1 --out "$CLUSTER_DIR/n$1/join" || return 1
        join=(--join "$CLUSTER_DIR/n$1/join")
    fi
    w "$1" up --name "n$1" --ip "198.18.0.$1" --cgroup "/$CLUSTER-n$1" --timeout 30 "${join[@]}" \
        ${NODE_GRACE:+--node-monitor-grace-period "$NODE_GRACE"} || return 1
    w "$1" load "$CLUSTER_DIR/busybox.tar"
}

cluster_start() { # NODES
    export CLUSTER=wherry-test-$$ CLUSTER_NODES=${1:-1} CLUSTER_DIR
    CLUSTER_DIR=$(mktemp -d /tmp/wh.XXXXXX)
    _host_snapshot >"$CLUSTER_DIR/before"
    "${BASH_SOURCE[0]%/*}/../../examples/make-busybox-image" "$CLUSTER_DIR/busybox.tar" "$IMAGE" || return 1
    ip netns add "$CLUSTER-hub"
    ip -n "$CLUSTER-hub" link set lo up
    ip -n "$CLUSTER-hub" link add sw type bridge
    ip -n "$CLUSTER-hub" addr add 198.18.0.254/24 dev sw
    ip -n "$CLUSTER-hub" link set sw up
    local n
    for ((n = 1; n <= CLUSTER_NODES; n++)); do
        _node_network "$n" && _node_up "$n" || return 1
    done
}

# What a test must leave as it was. Not: namespaces and cgroups of other tests that run at the same time.
_host_snapshot() {
    echo "mounts"; awk '$5 !~ "^/run/netns(/|$)" {print $5, $9, $10}' /proc/self/mountinfo | sort
    echo "links"; ip -o link | cut -d: -f2 | sort
    echo "nft"; nft list tables 2>/dev/null
    [ -z "${CLUSTER:-}" ] || { echo "cgroups"; find /sys/fs/cgroup -maxdepth 3 -name "$CLUSTER*" 2>/dev/null; }
    [ -z "${CLUSTER:-}" ] || { echo "netns"; ip netns list 2>/dev/null | grep "^$CLUSTER-" || true; }
    [ -z "${CLUSTER_DIR:-}" ] || { echo "processes"; pgrep -af "$CLUSTER_DIR/" | grep -v -e pgrep -e bats || true; }
}

cluster_stop() {
    local n left=0
    [ -n "${CLUSTER_DIR:-}" ] || return 0
    for ((n = CLUSTER_NODES; n >= 1; n--)); do
        [ -d "$CLUSTER_DIR/n$n/run" ] && { w "$n" down --purge >"$CLUSTER_DIR/down$n" 2>&1 || { cat "$CLUSTER_DIR/down$n"; left=1; }; }
    done
    for n in $(ip netns list | grep -o "^$CLUSTER-[a-z0-9]*"); do ip netns del "$n"; done
    _host_snapshot >"$CLUSTER_DIR/after"
    diff "$CLUSTER_DIR/before" "$CLUSTER_DIR/after" || left=1
    [ "${KEEP:-}" ] || rm -rf "$CLUSTER_DIR"
    return $left
}

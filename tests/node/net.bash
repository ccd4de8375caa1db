# Network namespaces as nodes, Pods and strangers, with no route out of them.
#
#   net_begin              a folder $T, and a namespace `node`
#   netns NAME             one more; its process id is in ${PID[NAME]}
#   on NAME CMD...         runs there
#   background NAME CMD... runs there until net_end
#   net_end                ends what was started
#   cni PLUGIN COMMAND ID NAME < config    from folder $PLUGINS; the container's namespace is NAME's
#   fails CMD...           (a plain ! is not seen by bats)
#   wait_until CMD...      tries for ten seconds

: "${WHERRY_BIN:=$PWD/build/release/bin}"
declare -gA PID

net_begin() {
    T=$(mktemp -d /tmp/wherry-net.XXXXXX)
    STARTED=()
    PLUGINS=$WHERRY_BIN/cni
    netns node
    on node ip link set lo up
    # Frames between ports of a bridge must not need the host's netfilter.
    on node sh -c 'f=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $f ] || echo 0 >$f'
}

netns() {
    unshare -n sleep infinity 3>&- &
    PID[$1]=$!
    STARTED+=($!)
    local ours
    ours=$(readlink /proc/self/ns/net)
    wait_until not_in "$!" "$ours"
}

not_in() {
    [ "$(readlink "/proc/$1/ns/net")" != "$2" ]
}

on() {
    local name=$1
    shift
    nsenter -n -t "${PID[$name]}" "$@"
}

background() {
    local name=$1
    shift
    nsenter -n -t "${PID[$name]}" "$@" 3>&- &
    STARTED+=($!)
}

net_end() {
    [ ${#STARTED[@]} = 0 ] || kill -9 "${STARTED[@]}" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$T"
}

cni() {
    CNI_COMMAND=$2 CNI_CONTAINERID=$3 CNI_NETNS=${CNI_NETNS-/proc/${PID[$4]}/ns/net} CNI_IFNAME=${CNI_IFNAME:-eth0} \
        CNI_PATH=$PLUGINS on node "$PLUGINS/$1"
}

fails() {
    ! "$@"
}

wait_until() {
    local i
    for ((i = 0; i < 200; i++)); do
        "$@" >/dev/null 2>&1 && return 0
        read -r -t 0.05 _ <> <(:) || true
    done
    echo "waited in vain for: $*"
    return 1
}

# A kubelet without a master in a test node of its own: a network namespace, a state folder, a cgroup subtree. To be
# sourced by a bats file:
#
#   load kubelet
#   setup_file()    { node_start; }
#   teardown_file() { node_stop; }     removes everything; fails if anything is left

BIN=${WHERRY_BIN:-$PWD/build/release/bin}

node_start() {
    export NODE=wherry-test-kubelet-$$ NODE_DIR
    NODE_DIR=$(mktemp -d /tmp/wherry-kubelet.XXXXXX)
    mounts | sort >"$NODE_DIR/mounts"
    ip netns add "$NODE"
    ip -n "$NODE" link set lo up
    mkdir -p "$NODE_DIR/state/manifests"
    "${BASH_SOURCE[0]%/*}/../../examples/make-busybox-image" "$NODE_DIR/busybox.tar" busybox:1.35
    "$BIN/wherry-images" --root "$NODE_DIR/state/images" load "$NODE_DIR/busybox.tar" >/dev/null
    kubelet_start
}

mounts() { awk '{print $5}' /proc/self/mountinfo | grep -vE '^/run/netns(/|$)' || true; }

# Detached from bats' descriptors, or bats would wait for it.
kubelet_start() {
    nsenter --net="/run/netns/$NODE" "$BIN/wherry-kubelet" --state "$NODE_DIR/state" --run "$NODE_DIR/run" --node-name n1 \
        --node-ip 127.0.0.1 --cgroup "/$NODE" "$@" >>"$NODE_DIR/kubelet.log" 2>&1 3>&- 4>&- &
    echo $! >"$NODE_DIR/pid"
    eventually 10 curl -sf --unix-socket "$NODE_DIR/run/kubelet.sock" http://kubelet/healthz >/dev/null
}

# The end of the process itself: a signal that has been sent is not an end yet.
kubelet_end() { # SIGNAL
    local pid
    pid=$(cat "$NODE_DIR/pid")
    kill "-$1" "$pid"
    tail --pid="$pid" -f /dev/null
}

node_stop() {
    local left=0
    [ -n "${NODE_DIR:-}" ] || return 0
    rm -f "$NODE_DIR"/state/manifests/*
    kill -TERM "$(cat "$NODE_DIR/pid")" 2>/dev/null && tail --pid="$(cat "$NODE_DIR/pid")" -f /dev/null
    nsenter --net="/run/netns/$NODE" "$BIN/wherry-kubelet" teardown --state "$NODE_DIR/state" --run "$NODE_DIR/run" --cgroup "/$NODE" \
        >>"$NODE_DIR/kubelet.log" 2>&1 || left=1
    find /sys/fs/cgroup -maxdepth 2 -name "$NODE" 2>/dev/null | grep . && left=1
    nsenter --net="/run/netns/$NODE" ip -o link | grep -v ' lo:' && left=1
    ip netns del "$NODE"
    pgrep -af "$NODE_DIR/" | grep -v -e pgrep -e bats && left=1
    mounts | sort | diff "$NODE_DIR/mounts" - || left=1
    [ "$left" = 0 ] || cat "$NODE_DIR/kubelet.log"
    rm -rf "$NODE_DIR"
    return "$left"
}

eventually() { # SECONDS COMMAND...
    local deadline=$((SECONDS + $1)) out
    shift
    while ! out=$("$@" 2>&1); do
        if ((SECONDS >= deadline)); then
            echo "not within the time: $*"
            echo "$out"
            tail -30 "$NODE_DIR/kubelet.log"
            return 1
        fi
        sleep 0.05
    done
    [ -z "$out" ] || echo "$out"
}

manifest() { cat >"$NODE_DIR/manifest.tmp" && mv "$NODE_DIR/manifest.tmp" "$NODE_DIR/state/manifests/$1.yaml"; } # NAME <TEXT
no_manifest() { rm "$NODE_DIR/state/manifests/$1.yaml"; }
pods() { curl -sf --unix-socket "$NODE_DIR/run/kubelet.sock" http://kubelet/pods; }
pod() { pods | jq -er --arg n "$1" ".items[] | select(.metadata.name == \$n) | $2"; } # NAME FILTER
pod_is() { [ "$(pod "$1" "$2")" = "$3" ]; }                                          # NAME FILTER VALUE
pod_gone() { ! pod "$1" .metadata.name; }
log_of() { # POD CONTAINER [ATTEMPT]
    cut -d' ' -f4- "$NODE_DIR"/state/logs/pods/default_"$1"_*/"$2"/"${3:-0}.log"
}
log_has() { log_of "$1" "$2" "${4:-0}" | grep -qF -- "$3"; } # POD CONTAINER TEXT [ATTEMPT]

# Container engines of the distribution, driving runc and wherry-runtime in turn. A test is a function of engine commands, each
# said with its output and its status; it runs once with each runtime, at the same time, and what was said must be the same:
#
#   fine() { say P run --rm "$IMAGE" true; }     P, D, C, ...: the engine's command; $RUNTIME; names end in $N
#   @test "..." { both fine; said '-> 0'; }      said: in what both said, so that not both are wrong alike
#
# The engines live in a world: mount, pid, network and ipc namespaces with a /run of their own, ended with its first process.
# Whatever a test leaves, the host keeps only cgroups below $ENGINES_CG, which are removed.

: "${WHERRY_BIN:=$PWD/build/release/bin}"
OURS=$WHERRY_BIN/wherry-runtime
RUNC=$(command -v runc)
IMAGE=localhost/busybox:1.35
# script(1) runs $SHELL, or sh where there is none; the engines' commands are functions of bash.
SHELL=$(command -v bash)
export WHERRY_BIN OURS RUNC IMAGE SHELL

engines_setup() { # in setup_file
    export ENGINES=$BATS_FILE_TMPDIR/engines ENGINES_CG=/wherry-test-engines-$$
    mkdir -p "$ENGINES/tmp"
    leak_before "$ENGINES.leak" "$ENGINES_CG|$ENGINES"
    "$BATS_TEST_DIRNAME/../../examples/make-busybox-image" "$ENGINES/image.tar" "$IMAGE"
    world_start
}

engines_teardown() { # in teardown_file: also after a failure
    kill -KILL "$(cat "$ENGINES/init.pid")"
    until_true eval "! kill -0 $(cat "$ENGINES/init.pid")"
    until_true no_cgroups
    leak_check "$ENGINES.leak"
}

no_cgroups() {
    find /sys/fs/cgroup -depth -type d -path "*$ENGINES_CG*" -exec rmdir {} + 2>/dev/null
    [ -z "$(find /sys/fs/cgroup -maxdepth 2 -name "${ENGINES_CG#/}")" ]
}

# The pid is written as the host counts it: from the host's procfs, before there is another.
world_start() {
    unshare --mount --pid --net --ipc --fork bash -c '
        read -r pid _ </proc/self/stat && echo "$pid" >"$ENGINES/init.new"
        mount -t proc proc /proc && mount -t tmpfs run /run && mount -t tmpfs shm /dev/shm && ip link set lo up
        [ ! -d /etc/docker ] || mount -t tmpfs etc /etc/docker
        mv "$ENGINES/init.new" "$ENGINES/init.pid"
        exec catatonit -P' >"$ENGINES/world.log" 2>&1 3>&- &
    until_true test -e "$ENGINES/init.pid"
}

world() { # COMMAND...: in the world
    nsenter --target "$(cat "$ENGINES/init.pid")" --mount --pid --net --ipc --wd=/ "$@"
}

until_true() { # COMMAND...: within ten seconds
    local i
    for i in $(seq 200); do
        "$@" >/dev/null 2>&1 && return 0
        read -rt 0.05 <> <(:) || :
    done
    echo "never true: $*"
    return 1
}

# What differs between any two runs, and what names the runtime or its words for what it is doing.
normalised() {
    tr -d '\r\0' | sed -E "s|$RUNC\|$OURS|RUNTIME|g; s|$ENGINES|DIR|g; s|${ROOTLESS:-$ENGINES}|DIR|g; s|$ENGINES_CG|/CG|g; s/([a-z][0-9]?)[-.](runc|ours)\b/\1/g; s/\^@//g; s/time=\"[^\"]*\" //
        s/runc (create|run) failed: //; s/\b[0-9a-f]{64}\b/ID/g; s/\b[0-9a-f]{12}\b/ID/g; s/(exec: \"[^\"]*\": )is a directory: /\1/"
}

# say COMMAND...: what it printed, and its status.
say() {
    local out rc=0
    out=$("$@" 2>&1 </dev/null) || rc=$?
    printf '$ %s\n%s\n-> %d\n' "$*" "$out" "$rc" | normalised
}

# say_status COMMAND...: where the message is the runtime's own wording: only the status.
say_status() {
    local rc=0
    "$@" >/dev/null 2>&1 </dev/null || rc=$?
    printf '$ %s\n-> %d\n' "$*" "$rc" | normalised
}

# say_tty ROWS COLUMNS SHELL-COMMAND: on a terminal of that size. An engine that attaches late has nothing of a command that
# ended before: again then, until something was said.
say_tty() {
    local i out rc
    for i in 1 2 3 4 5; do
        rc=0
        out=$(script -qec "stty rows $1 cols $2; $3" /dev/null </dev/null 2>&1 | normalised | sed '/^$/d'; exit "${PIPESTATUS[0]}") || rc=$?
        [ -z "$out" ] || break
    done
    printf '$ %s\n%s\n-> %d\n' "$3" "$out" "$rc" | normalised
}

# In a container: says the terminal's size once it is ROWS COLUMNS; engines set it after the start.
export sized='until_size() { until stty size 2>/dev/null | grep "$*"; do sleep 0.05; done; }; until_size'

both() { # FUNCTION
    local N pid pids=() rc=0
    export -f "$1"
    for N in runc ours; do
        N=$N RUNTIME=$([ $N = runc ] && echo "$RUNC" || echo "$OURS") world bash -c "$1" >"$ENGINES/$N.out" 2>&1 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || rc=1
    done
    [ $rc = 0 ] || tail -n 5 "$ENGINES/runc.out" "$ENGINES/ours.out"
    diff -U2 "$ENGINES/runc.out" "$ENGINES/ours.out" || { echo "(-) runc, (+) wherry-runtime"; rc=1; }
    return $rc
}

said() { # LINE...: each was said, as a whole line
    local l
    for l in "$@"; do
        grep -qxF -e "$l" "$ENGINES/ours.out" || { echo "never said: $l"; cat "$ENGINES/ours.out"; return 1; }
    done
}
export -f until_true normalised say say_status say_tty

# Of a runtime that is listed, podman reads the log. Limits that need no CAP_SYS_RESOURCE. Nothing in the host's folders.
podman_configure() {
    CONTAINERS_CONF=$ENGINES/containers.conf CONTAINERS_STORAGE_CONF=$ENGINES/storage.conf
    cat >"$CONTAINERS_CONF" <<X
[containers]
default_ulimits = ["nofile=512:1024", "nproc=512:1024"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime_supports_json = ["runc", "wherry-runtime"]
X
    printf '[storage]\ndriver = "overlay"\nrunroot = "%s"\ngraphroot = "%s"\n' "$ENGINES/runroot" "$ENGINES/root" >"$CONTAINERS_STORAGE_CONF"
}

containerd_start() {
    cat >"$ENGINES/containerd.toml" <<X
version = 2
root = "$ENGINES/root"
state = "$ENGINES/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "$ENGINES/containerd.sock"
[ttrpc]
address = "$ENGINES/containerd.ttrpc"
X
    world containerd --config "$ENGINES/containerd.toml" >"$ENGINES/containerd.log" 2>&1 3>&- &
    until_true world ctr -a "$ENGINES/containerd.sock" version
}

# Its bridge and its rules would be the world's; there is no network to give to containers.
docker_start() { # after containerd_start
    printf '{"runtimes": {"rt-runc": {"path": "%s"}, "rt-ours": {"path": "%s"}}}' "$RUNC" "$OURS" >"$ENGINES/docker.json"
    world dockerd --config-file "$ENGINES/docker.json" --containerd "$ENGINES/containerd.sock" --host "unix://$ENGINES/docker.sock" \
        --data-root "$ENGINES/docker" --exec-root "$ENGINES/docker.run" --pidfile "$ENGINES/docker.pid" --storage-driver overlay2 \
        --bridge none --iptables=false --ip-forward=false --ip-masq=false --cgroup-parent "$ENGINES_CG" \
        --exec-opt native.cgroupdriver=cgroupfs --default-ulimit nofile=512:1024 >"$ENGINES/dockerd.log" 2>&1 3>&- &
    until_true world docker --host "unix://$ENGINES/docker.sock" version
}

# What the shim's tests share: a Pod's folder, a shim, containers of busybox.
#
#   shim_prepare           folders below $T
#   shim_begin [JSON]      a shim with that sandbox.json (merged over the default)
#   shim_setup [JSON]      both
#   shim_config ID ARGV... writes a bundle's config.json; $CONFIG is a jq filter over it
#   shim_start_container ID [JSON]   start, JSON merged into the request; prints the answer ($START=send: does not wait)
#   ctl CMD ARGS...        shimctl on its socket
#   shim_teardown          ends it, and complains about what is left
#
# $RUNTIME (default: wherry-runtime) may be any runtime with runc's command line.

: "${WHERRY_BIN:=$PWD/build/release/bin}"
: "${RUNTIME:=$WHERRY_BIN/wherry-runtime}"

shim_build_client() {
    gcc -O1 -D_GNU_SOURCE -o "$BATS_FILE_TMPDIR/shimctl" "$BATS_TEST_DIRNAME/shimctl.c"
}

ctl() {
    "$BATS_FILE_TMPDIR/shimctl" "$POD/shim.sock" "$@"
}

id() { # a container's id from a number
    printf '%064x' "$1"
}

host_mounts() {
    grep -c "$T" /proc/self/mountinfo || true
}

shim_run() { # SANDBOX-JSON: starts a shim, prints what it told its starter
    jq -n --arg cg "$CGROUP" --argjson more "${1:-{\}}" \
        '{uid: "u", name: "web", namespace: "default", hostname: "web-0", cgroup: $cg} + $more' >"$POD/sandbox.json"
    (exec setsid "$WHERRY_BIN/wherry-shim" --run-dir "$POD" --runtime "$RUNTIME" --runtime-root "$T/run/runtime" \
        --runtime-timeout "${RUNTIME_TIMEOUT:-60}" 3>&1 >/dev/null 2>>"$T/shim.log" </dev/null &)
}

shim_prepare() {
    T=$(mktemp -d /tmp/wherry-shim.XXXXXX)
    POD=$T/run/pods/0a0a0a0a-1111-2222-3333-444444444444
    CGROUP=/wherry-test-shim-${T##*.}
    SHIM=
    mkdir -p "$POD/containers" "$T/logs" "$T/layer/bin" "$T/layer/proc" "$T/layer/dev" "$T/layer/tmp" "$T/layer/sys"
    cp /usr/bin/busybox "$T/layer/bin/"
    local a
    for a in sh cat echo sleep dd head yes true seq ls stty mount hostname id ps grep kill trap tail tr wc; do
        ln -sf busybox "$T/layer/bin/$a"
    done
}

shim_begin() { # SANDBOX-JSON
    local ready
    ready=$(shim_run "${1:-}")
    [ -z "$ready" ] && [ -S "$POD/shim.sock" ] || { echo "shim: $ready" >&2; return 1; }
    SHIM=$(jq .pid "$POD/shim.json")
}

shim_setup() {
    shim_prepare
    shim_begin "${1:-}"
}

shim_config() { # ID ARGV...
    local id=$1
    shift
    mkdir -p "$POD/containers/$id"
    jq -n --arg cg "$CGROUP/$id" '{
        ociVersion: "1.0.2", root: {path: "rootfs"}, hostname: "",
        process: {terminal: false, user: {uid: 0, gid: 0}, args: $ARGS.positional, cwd: "/",
            env: ["PATH=/bin"], noNewPrivileges: true,
            capabilities: {bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"]}},
        mounts: [
            {destination: "/proc", type: "proc", source: "proc"},
            {destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"]},
            {destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}],
        linux: {cgroupsPath: $cg, namespaces: [{type: "pid"}, {type: "mount"}],
            resources: {devices: [{allow: false, access: "rwm"}]}}
    } | del(.hostname) | '"${CONFIG:-.}" --args -- "$@" >"$POD/containers/$id/config.json"
}

shim_start_container() { # ID [JSON]
    local id=$1 request
    request=$(jq -nc --arg id "$id" --arg pod "$POD" --arg t "$T" --argjson more "${2:-{\}}" '{op: "start", id: $id, name: "app",
        bundle: "\($pod)/containers/\($id)", log: "\($t)/logs/\($id[60:]).log",
        rootfs: {type: "overlay", lower: ["\($t)/layer"], upper: "\($t)/upper/\($id)", work: "\($t)/work/\($id)"}} + $more')
    ctl "${START:-call}" "$request"
}

shim_run_container() { # NUMBER ARGV...: config, start, wait; prints the exit code
    local id
    id=$(id "$1")
    shift
    shim_config "$id" "$@"
    local answer
    answer=$(shim_start_container "$id") || { echo "$answer" >&2; return 1; }
    ctl wait "$id"
}

log_of() { # NUMBER
    cat "$T/logs/$(printf '%04x' "$1").log"
}

wait_for_log() { # NUMBER TEXT
    local file
    file=$T/logs/$(printf '%04x' "$1").log
    timeout 30 bash -c 'until grep -qs -- "$1" "$2"; do sleep 0.02; done' - "$2" "$file"
}

shim_gone() { # waits for the process, as a parent would
    timeout 30 tail --pid="$SHIM" -f /dev/null
}

# What of a Pod is left in the system: mounts, processes, cgroups, files of the shim.
shim_leftovers() {
    grep "$T" /proc/self/mountinfo
    find /sys/fs/cgroup -depth -type d -path "*$CGROUP/*" 2>/dev/null
    local p
    for p in /proc/[0-9]*; do
        ! cat "$p/cmdline" 2>/dev/null | tr "\0" " " | grep -s -- "--run-dir $POD" || echo "$p"
        ! grep -qs "$CGROUP" "$p/cgroup" || echo "$p: $(tr '\0' ' ' <"$p/cmdline")"
    done
    ls -A "$POD" "$POD/containers" 2>/dev/null | grep -v -e '^/' -e '^$' -e '^sandbox.json$' -e '^containers$'
    ls -A "$T/run/runtime" "$T/upper" "$T/work" 2>/dev/null | grep -v -e ':$' -e '^$'
    return 0
}

shim_teardown() {
    local left=
    if [ -n "$SHIM" ] && [ -S "$POD/shim.sock" ] && kill -0 "$SHIM" 2>/dev/null; then
        ctl call '{"op":"shutdown"}' || left=shutdown
        shim_gone || left=alive
    fi
    left=$left$(shim_leftovers)$(grep -s -m 1 -e Sanitizer -e 'cannot be in state' "$T/shim.log")
    find /sys/fs/cgroup -mindepth 2 -depth -type d -path "*$CGROUP*" -exec rmdir {} + 2>/dev/null
    [ -z "$left" ] || { echo "left behind: $left"; cat "$T/shim.log"; }
    rm -rf "$T"
    [ -z "$left" ]
}

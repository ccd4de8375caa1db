#!/usr/bin/env bats
# events: statistics and memory running out, beside Debian's runc.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() {
    runc --root "$T/runc" delete --force p 2>/dev/null || :
    runtime_teardown
}

# follow ARGS...: events of c to $T/events, $follower
follow() {
    "$WHERRY_BIN/wherry-runtime" --root "$T/root" events "$@" c >"$T/events" 3>&- &
    follower=$!
}

@test "events --stats: what it says is what the cgroups say" {
    bundle c "$sleeper | .linux.resources.pids.limit=50 | .linux.resources.memory.limit=67108864"
    R run -d --bundle "$T/c" c
    R exec c sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'
    R exec -d c sleep 1000
    R events --stats c >"$T/events"
    [ "$(wc -l <"$T/events")" = 1 ]
    [[ $(cat "$T/events") == '{"type":"stats","id":"c","data":{'* ]]
    jq -e '.data | .pids=={current:2,limit:50} and .memory.usage.limit==67108864 and .memory.usage.usage>0 and
        .cpu.usage.total>0 and (.memory.raw|length>20) and .cpuset.cpus[0]==0 and .network_interfaces==null' "$T/events"
    if is_v2; then jq -e '.data.memory.event_count=={} and (.data.cpu.psi==null or .data.cpu.psi.some.total>=0)' "$T/events"; fi
}

@test "events --stats has the members of runc's" {
    is_v2 && skip "runc 1.1.5 is compared with on v1"
    bundle c "$sleeper | del(.process.rlimits)"
    mkdir -p "$T/p"
    jq '.linux.cgroupsPath|=sub("/c$";"/p")' "$T/c/config.json" >"$T/p/config.json"
    same_as_runc 'R run -d --bundle "$T/$1" "$1" </dev/null
        R events --stats "$1" | jq -r "del(.data.hugetlb, .data.memory.cache) | [paths | map(tostring) | join(\".\")] | sort | .[]" |
            grep -vE "^data.cpu.usage.percpu(_[a-z]*)?.[0-9]|blkio"
        R events --stats "$1" | jq -c "[.data.cpuset, .data.pids, .data.memory.usage.limit]"
        R events --interval 0s "$1" 2>/dev/null; echo $?; R events --interval x "$1" >/dev/null 2>&1; [ $? != 0 ] && echo refused
        R delete --force "$1"; R events "$1" 2>/dev/null; echo $?'
}

@test "events: again and again, until the container ends" {
    bundle c "$sleeper"
    R run -d --bundle "$T/c" c
    follow --interval 20ms
    until_true eval '[ "$(grep -c stats "$T/events")" -ge 3 ]'
    R kill c KILL
    wait $follower
    jq -e '.type=="stats" and .id=="c"' "$T/events" >/dev/null
    run R events c
    [ "$status" = 1 ]
    [[ $output == *"container with id c is not running"* ]]
}

@test "events: memory ran out" {
    bundle c "$sleeper | .linux.resources.memory={limit:33554432,swap:33554432}"
    R run -d --bundle "$T/c" c
    follow --interval 1h
    until_true eval 'ls -l /proc/$follower/fd | grep -E "eventfd|inotify"'
    R exec c dd if=/dev/zero of=/dev/null bs=200M count=1 || :
    until_true grep -qx '{"type":"oom","id":"c"}' "$T/events"
    R kill c KILL
    wait $follower
    ! grep stats "$T/events"
}

@test "events: the container's own end by memory is told" {
    bundle c '.process.args=["sh","-c","read x; exec dd if=/dev/zero of=/dev/null bs=200M count=1"] |
        .linux.resources.memory={limit:33554432,swap:33554432}'
    mkfifo "$T/in"
    R run --bundle "$T/c" c <"$T/in" 3>&- &
    local runtime=$! rc=0
    exec 7>"$T/in"
    until_true eval '[ "$(status_of c)" = running ]'
    follow --interval 1h
    until_true eval 'ls -l /proc/$follower/fd | grep -E "eventfd|inotify"'
    echo >&7
    exec 7>&-
    wait $runtime || rc=$?
    wait $follower
    [ "$rc" = 137 ]
    is_v2 || grep -qx '{"type":"oom","id":"c"}' "$T/events" # v2's counter may have gone with the cgroup
}

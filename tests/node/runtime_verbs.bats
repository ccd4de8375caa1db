#!/usr/bin/env bats
# The verbs that look at containers and end them, beside Debian's runc.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() {
    runtime_setup
    bundle c "$sleeper | .annotations={\"a.b\":\"value\"} | del(.process.rlimits)"
    mkdir -p "$T/p"
    jq '.linux.cgroupsPath|=sub("/c$";"/p")' "$T/c/config.json" >"$T/p/config.json"
}
teardown() {
    runc --root "$T/runc" delete --force p 2>/dev/null || :
    runtime_teardown
}

@test "state, list and ps have runc's shapes" {
    plain() { # names, numbers and times that differ
        sed -E "s/$(R state "$1" | jq .pid)/PID/g; s/20[0-9]{2}-[0-9T:.-]*Z/TIME/g; s/\"$1\"/\"ID\"/g; s/^$1( |$)/X /; s|/$1\b|/X|g; s/\"ociVersion\": ?\"[^\"]*\"/V/" |
            sed -E 's/ +$//; s/  +/  /g; s/[0-9]{2}:[0-9]{2}(:[0-9]{2})?/CLOCK/g; s/^root .* PID .* CLOCK/root PID CLOCK/'
    }
    same_as_runc 'R run -d --bundle "$T/$1" "$1" </dev/null
        echo "$(R state "$1")" | plain "$1"
        R list | plain "$1"; R list -f json | plain "$1"; R list --format table | plain "$1"; R list -q | plain "$1"
        R ps "$1" | plain "$1"; R ps -f json "$1" | plain "$1"; R ps --format table "$1" -e -o pid,args | plain "$1"
        R ps "$1" -e -o ppid 2>/dev/null; echo $?
        R pause "$1"; R state "$1" | jq -r .status; R pause "$1" 2>/dev/null; echo $?
        R resume "$1"; R resume "$1" 2>/dev/null; echo $?; R state "$1" | jq -r .status
        R delete "$1" 2>/dev/null; echo $?
        R kill "$1" KILL; until_true eval "R state $1 | grep stopped"; R state "$1" | jq -c "{status,pid}"
        R kill "$1" 2>/dev/null; echo $?; R ps "$1" | head -1; R pause "$1" 2>/dev/null; echo $?
        R delete "$1"; R delete "$1" 2>/dev/null; echo $?; R delete --force "$1"; echo $?
        R create --bundle "$T/$1" "$1" </dev/null; R delete "$1"; R list -q'
}

@test "messages that callers look for" {
    R run -d --bundle "$T/c" c
    local line text
    while IFS='|' read -r line text; do
        # shellcheck disable=SC2086
        run R $line
        [ "$status" = 1 ]
        [[ $output == *"$text"* ]] || { echo "$line: $output"; return 1; }
    done <<'LIST'
delete c|cannot delete container c that is not stopped: running
resume c|container not paused
start c|cannot start an already running container
state none|container does not exist
kill none|container does not exist
kill c NOSUCH|unknown signal "NOSUCH"
kill c 65|unknown signal "65"
ps c -e -o ppid|couldn't find PID field in ps output
LIST
    R pause c
    run R delete c
    [[ $output == *"that is not stopped: paused"* ]]
}

@test "list: a root that was named and is not there" {
    run R --root "$T/none" list
    [[ $status = 1 && $output == *"--root: open $T/none: no such file"* ]]
}

@test "list: a record that cannot be read hides no other" {
    R run -d --bundle "$T/c" c
    mkdir "$T/root/bad"
    echo '{broken' >"$T/root/bad/state.json"
    run R list
    [ "$status" = 0 ]
    [[ $output == *"container bad"* && $output == *"c "*running* ]]
    [ "$(R list -f json 2>/dev/null | jq -r '.[].id')" = c ]
    rm -r "$T/root/bad"
}

@test "kill: names, numbers and real-time signals" {
    export SCRIPT='for s in 1 10 15 34 35 37; do trap "echo $s >>/dev/shm/got" $s; done; echo ready >/dev/shm/ready; while :; do sleep 0.02; done'
    bundle c '.process.args=["sh","-c",$ENV.SCRIPT]'
    R run -d --bundle "$T/c" c
    until_true R exec c test -e /dev/shm/ready
    local s n=0
    for s in HUP SIGHUP sighup 10 SIGUSR1 TERM; do
        R kill c $s
        n=$((n + 1))
        until_true eval "[ \$(R exec c cat /dev/shm/got | wc -l) = $n ]"
    done
    [ "$(R exec c cat /dev/shm/got | tr '\n' ' ')" = "1 1 1 10 10 15 " ]
    R kill c SIGRTMIN+3 # 37, as glibc counts
    until_true R exec c grep 37 /dev/shm/got
}

@test "kill --all, and SIGKILL where there is no pid namespace" {
    bundle c "$sleeper | .linux.namespaces|=map(select(.type!=\"pid\"))"
    R run -d --bundle "$T/c" c
    R exec -d c sleep 1000
    R exec -d c sleep 1000
    local pids init
    init=$(pid_of c)
    pids=$(R ps -f json c | jq -r '.[]')
    [ "$(wc -w <<<"$pids")" = 3 ]
    kill -KILL "$init"
    until_true eval '[ "$(status_of c)" = stopped ]'
    run R kill c TERM
    [[ $output == *"container not running"* ]]
    R kill c KILL
    for init in $pids; do until_true test ! -e "/proc/$init"; done
    R delete c
    R run -d --bundle "$T/c" c
    R exec -d --pid-file "$T/pid" c sleep 1000
    R kill --all c TERM # sleep dies of it
    until_true test ! -e "/proc/$(cat "$T/pid")"
}

@test "kill of a paused container" {
    R run -d --bundle "$T/c" c
    R pause c
    R kill c KILL
    until_true eval '[ "$(status_of c)" = stopped ]'
}

@test "kill and delete --regex" {
    local i
    for i in web-1 web-2 db; do
        jq ".linux.cgroupsPath=\"/$CG/$i\"" "$T/c/config.json" >"$T/p/config.json"
        R run -d --bundle "$T/p" $i
    done
    run R delete --regex '^web-'
    [ "$status" = 1 ]
    [[ $output == *"web-1"*"web-2"* || $output == *"web-2"*"web-1"* ]] # each is told
    R kill --regex '^web-[0-9]$' KILL
    until_true eval '[ "$(status_of web-1) $(status_of web-2)" = "stopped stopped" ]'
    [ "$(status_of db)" = running ]
    R delete --regex web
    [ "$(R list -q)" = db ]
    R delete --force --regex .
    [ -z "$(R list -q)" ]
    R delete --force --regex nobody
    run R delete --regex '('
    [ "$status" = 1 ]
    [[ $output == *'--regex: "("'* ]]
}

@test "update: every option, and what it writes, as runc's" {
    is_v2 && skip "runc 1.1.5 is compared with on v1; what v2 gets is in runtime_resources.bats"
    limits() { # what the container's cgroups say
        local f
        for f in cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpuset/cpuset.cpus cpuset/cpuset.mems \
            memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes pids/pids.max; do
            echo "$f $(cat "/sys/fs/cgroup/${f%/*}/$CG/$1/${f#*/}")"
        done
    }
    same_as_runc 'R run -d --bundle "$T/$1" "$1" </dev/null
        R update --cpu-share 512 --cpu-period 50000 --cpu-quota 20000 --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 44 "$1"; limits "$1"
        R update --cpu-period 40000 "$1"; R update --cpu-quota 30000 --pids-limit 44 "$1"; limits "$1"
        R update --memory 64m --memory-swap 96m --memory-reservation 32Mi "$1"; limits "$1"
        R update --memory 128m --memory-swap 256m "$1"; limits "$1"
        R update --memory 50331648 --memory-swap 50331648 "$1"; limits "$1"
        R update --memory -1 "$1"; limits "$1"
        echo "{\"cpu\":{\"shares\":300,\"quota\":-1},\"memory\":{\"limit\":67108864},\"pids\":{\"limit\":9}}" | R update -r - --pids-limit 1 "$1"; limits "$1"
        R update --memory nonsense "$1" 2>/dev/null; echo $?; R update -r /none "$1" 2>/dev/null; echo $?
        R update --l3-cache-schema L3:0=f "$1" 2>/dev/null; echo $?; R update none 2>/dev/null; echo $?
        R delete --force "$1"'
}

@test "update: what is ignored and what is refused" {
    R run -d --bundle "$T/c" c
    R update --kernel-memory 1m c 2>&1 | grep -q 'ignored'
    run R update --mem-bw-schema MB:0=20 c
    [[ $output == *"--mem-bw-schema: Intel RDT is not enabled: container c has no class"* ]]
    R kill c KILL
    until_true eval '[ "$(status_of c)" = stopped ]'
    run R update --pids-limit 5 c
    [ "$status" = 1 ]
    [[ $output == *stopped* ]]
}

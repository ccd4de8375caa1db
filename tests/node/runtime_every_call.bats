#!/usr/bin/env bats
# Every system call of create, start, exec and delete fails once, and every one is the last of the process that makes it:
# an error that names the cause, and `delete --force` removes wholly what is there; the host is as it was.
#
# Here every eleventh is; EVERY_CALL=1 walks them all: some 1,300, with EIO, with ENOMEM, and killed.

load runtime.bash
load oracle.bash

setup_file() {
    runtime_setup_file
    gcc -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -o "$BATS_FILE_TMPDIR/fault" "$BATS_TEST_DIRNAME/syscall_fault.c"
}
setup() { runtime_setup; }
teardown() { runtime_teardown; }

plain="$sleeper | .process.rlimits=[]"
# what the plain one does not come by: a filter, hooks, maps, offsets, a sysctl, nodes that are bind mounts
rich="$plain"' | .linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["reboot"],action:"SCMP_ACT_ERRNO"}]}
    | .linux.namespaces+=[{type:"user"},{type:"time"}] | .linux.timeOffsets={monotonic:{secs:5}}
    | .linux.uidMappings=[{containerID:0,hostID:0,size:65536}] | .linux.gidMappings=.linux.uidMappings
    | .linux.sysctl={"net.ipv4.ip_forward":"1"} | .process.oomScoreAdj=100
    | .hooks=([["prestart","createRuntime","createContainer","startContainer","poststart","poststop"][]
        | {key:.,value:[{path:"/bin/true"}]}] | from_entries)'

procs() { # how many the container has
    local at
    for at in "/sys/fs/cgroup/unified/$CG/c" "/sys/fs/cgroup/$CG/c" "/sys/fs/cgroup/freezer/$CG/c"; do
        [ ! -e "$at" ] || { wc -l <"$at/cgroup.procs" && return; }
    done
}
alone() { [ "$(procs)" = 1 ]; }

ended() { # PID
    local state
    ! read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" || [[ $state == [ZX] ]]
}

gone() { # PID...: none of these, no state, no cgroup
    local pid
    [ ! -e "$T/root/c" ] || { echo "state is left" && return 1; }
    ! compgen -G "/sys/fs/cgroup/*/$CG/c" && ! compgen -G "/sys/fs/cgroup/$CG/c" || return 1
    for pid in "$@"; do
        until_true ended "$pid" # a maker of namespaces whose runtime was killed still makes one
    done
}

# Errors have the kernel's words for what failed. Not where libc itself starts, nor those of an init that waits for its
# start: it has nobody to tell; nor who is out of memory, and aborts; nor calls that cannot fail.
is_named() { # CALL TEXT
    [[ $2 == *"$words"* ]] || [[ $1 == @(accept4|recvmsg) && -n $2 ]] || [[ $1 == @(arch_prctl|fcntl|get*id|brk|mmap|mremap) ]]
}

call_name() {
    awk -v n="$1" '$3 == n && sub(/__NR_/, "", $2) { print $2 }' /usr/include/*/asm/unistd_64.h
}

# What comes before the command, and the command; init is followed through the start.
begin() { # VERB
    attach=
    case $1 in
    create) command=(create --bundle "$T/c" c) ;;
    start)
        R create --bundle "$T/c" c </dev/null >/dev/null
        attach="-a $(pid_of c)" command=(start c)
        ;;
    exec)
        [ -e "$T/root/c" ] || R run --detach --bundle "$T/c" c </dev/null >/dev/null
        command=(exec c true)
        ;;
    delete)
        R run --detach --bundle "$T/c" c </dev/null >/dev/null
        command=(delete --force c)
        ;;
    esac
}

# walk VERB FIRST STRIDE FAULT: FAULT is an option of syscall_fault
walk() {
    local k status call left name attach command tried=0
    host_snapshot "$T/before" own
    for ((k = $2; ; k += $3)); do
        begin "$1"
        status=0
        timeout 60 "$BATS_FILE_TMPDIR/fault" $4 $attach -r "$T/report" $k \
            "$WHERRY_BIN/wherry-runtime" --root "$T/root" "${command[@]}" >"$T/out" 2>&1 </dev/null || status=$?
        read -r _ call _ left <"$T/report"
        [ "$call" != -1 ] || break
        name=$(call_name "$call") tried=$((tried + 1))
        echo "call $k, $name, status $status: $(<"$T/out")"
        [ "$4" = -k ] || [ $status = 0 ] || is_named "$name" "$(<"$T/out")"
        if [ "$1" = exec ]; then
            until_true alone
        else
            R delete --force c </dev/null
            gone $left
        fi
    done
    R delete --force c
    gone
    host_unchanged "$T/before" own
    [ $tried -gt 3 ]
    echo "$1: $tried of $k calls"
}

# each VERB FIRST CONFIGURATION
each() {
    local stride=11 first=$2 fault words='nput/output error'
    [ -z "${EVERY_CALL:-}" ] || stride=1 first=1
    bundle c "$3"
    export words
    private walk "$1" $first $stride '"-e 5"'
    private walk "$1" $((first + (stride > 1) * 3)) $stride -k
    words='annot allocate memory'
    [ -z "${EVERY_CALL:-}" ] || private walk "$1" 1 1 '"-e 12"'
}

@test "create" { each create 1 "$plain"; }
@test "create with all that there is" { each create 2 "$rich"; }
@test "start" { each start 3 "$plain"; }
@test "start with hooks and a filter" { each start 4 "$rich"; }
@test "exec" { each exec 5 "$plain"; }
@test "exec into namespaces of every kind" { each exec 6 "$rich"; }
@test "delete" { each delete 7 "$plain"; }
@test "delete with hooks" { each delete 1 "$rich"; }

#!/usr/bin/env bats
# The rarer fields of `process` and `linux`, one by one, seen from inside the container; and what bad values are told.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

@test "scheduler: policies, nice, deadline; I/O priority" {
    in_container '.process.scheduler={policy:"SCHED_IDLE"}' 'busybox cut -d" " -f41 /proc/self/stat'
    [ "$output" = 5 ]
    in_container '.process.scheduler={policy:"SCHED_OTHER",nice:-7} | .process.ioPriority={class:"IOPRIO_CLASS_BE",priority:6}' 'busybox cut -d" " -f19 /proc/self/stat; busybox ionice -p $$'
    [ "${lines[0]}" = -7 ]
    [[ ${lines[1]} == "best-effort: prio 6" ]]
    # a deadline task may not fork, unless its children are to be ordinary ones
    in_container '.process.scheduler={policy:"SCHED_DEADLINE",runtime:5000000,deadline:100000000,period:100000000,flags:["SCHED_FLAG_RESET_ON_FORK"]}' 'busybox cut -d" " -f41 /proc/$$/stat'
    [ "$output" = 6 ]
    refused '.process.scheduler={policy:"SCHED_ODD"}' 'process.scheduler: policy: unknown "SCHED_ODD"'
    refused '.process.scheduler={policy:"SCHED_OTHER",nice:20}' 'process.scheduler.nice: 20'
    refused '.process.ioPriority={class:"IOPRIO_CLASS_BE",priority:8}' 'process.ioPriority.priority: 8'
}

@test "memory policy: of init and of exec; personality of both" {
    bundle c "$sleeper | .linux.memoryPolicy={mode:\"MPOL_BIND\",nodes:\"0\",flags:[\"MPOL_F_STATIC_NODES\"]} | .linux.personality={domain:\"LINUX32\"}"
    R run --detach --bundle "$T/c" c
    grep -q 'bind=static:0 ' "/proc/$(pid_of c)/numa_maps"
    run R exec c sh -c 'cat /proc/self/numa_maps | head -1; busybox uname -m'
    [[ ${lines[0]} == *" bind=static:0 "* ]]
    [ "${lines[1]}" = i686 ]
    refused '.linux.memoryPolicy={mode:"MPOL_BIND",nodes:"1000"}' 'linux.memoryPolicy: '
    refused '.linux.memoryPolicy={mode:"MPOL_ODD"}' 'linux.memoryPolicy: mode: unknown "MPOL_ODD"'
    refused '.linux.personality={domain:"LINUX64"}' 'linux.personality: domain: unknown "LINUX64"'
}

@test "exec's processors: before and after its cgroup; the caller's do not matter" {
    bundle c "$sleeper"
    taskset 1 "$WHERRY_BIN/wherry-runtime" --root "$T/root" run --detach --bundle "$T/c" c
    local all
    all=$(cat /sys/devices/system/cpu/online)
    cpus() { grep Cpus_allowed_list "$@" | cut -f2; }
    [ "$(cpus "/proc/$(pid_of c)/status")" = "$all" ]
    p() { jq -n --argjson a "$1" '{args:["/bin/grep","Cpus_allowed_list","/proc/self/status"],cwd:"/",execCPUAffinity:$a}' >"$T/p.json"; }
    p '{"final":"1"}' && [ "$(R exec -p "$T/p.json" c | cut -f2)" = 1 ]
    p '{"initial":"0","final":"0-1"}' && [ "$(R exec -p "$T/p.json" c | cut -f2)" = 0-1 ]
    p '{"initial":"0"}' && [ "$(R exec -p "$T/p.json" c | cut -f2)" = "$all" ]
    p '{"initial":"1"}'
    strace -f -e trace=sched_setaffinity,clone3,clone -o "$T/trace" "$WHERRY_BIN/wherry-runtime" --root "$T/root" exec -p "$T/p.json" c
    # on the way on processor 1 (mask 2), and that before the process is born
    grep -q 'sched_setaffinity(0, 1024, \[1[] ]' "$T/trace"
    [ "$(grep -n 'sched_setaffinity' "$T/trace" | head -1 | cut -d: -f1)" -lt "$(grep -n 'clone3' "$T/trace" | tail -1 | cut -d: -f1)" ]
    p '{"final":"1-0"}'
    run R exec -p "$T/p.json" c
    [ "$status" = 255 ]
    [[ $output == *'process.execCPUAffinity.final: "1-0": a range must go up'* ]]
}

@test "limits: each type once, soft below hard, known" {
    in_container '.process.rlimits=[{type:"RLIMIT_FSIZE",hard:1048576,soft:4096},{type:"RLIMIT_STACK",hard:8388608,soft:1048576}]' 'ulimit -f; ulimit -s; dd if=/dev/zero of=/dev/shm/x bs=8192 count=1 2>/dev/null || echo $?'
    [ "${lines[0]} ${lines[1]} ${lines[2]}" = "8 1024 153" ]
    refused '.process.rlimits=[{type:"RLIMIT_CORE",hard:1,soft:1},{type:"RLIMIT_CORE",hard:2,soft:2}]' 'process.rlimits[1]: type: "RLIMIT_CORE" is listed twice'
    refused '.process.rlimits=[{type:"RLIMIT_CORE",hard:1,soft:2}]' 'process.rlimits[0]: soft: 2 is above hard 1'
    refused '.process.rlimits=[{type:"RLIMIT_ODD",hard:1,soft:1}]' 'process.rlimits[0]: type: unknown limit "RLIMIT_ODD"'
}

@test "sysctls and names: never those of a namespace that is the host's, joined by path or not at all" {
    local before
    before="$(hostname) $(cat /proc/sys/kernel/msgmax)"
    refused '.linux.namespaces|=map(select(.type!="uts"))' 'hostname: needs a uts namespace'
    refused ".linux.namespaces|=map(if .type==\"uts\" then .path=\"/proc/$$/ns/uts\" else . end) | .hostname=\"mine\"" 'hostname: needs a uts namespace'
    refused ".linux.namespaces|=map(if .type==\"ipc\" then .path=\"/proc/$$/ns/ipc\" else . end) | .linux.sysctl={\"kernel.msgmax\":\"4097\"}" 'linux.sysctl: "kernel.msgmax": needs a ipc namespace'
    refused '.linux.sysctl={"kernel.hostname":"x"}' 'conflicts with the OCI "hostname" field'
    refused '.linux.sysctl={"vm.swappiness":"1"}' 'linux.sysctl: "vm.swappiness": is not in a namespace'
    refused '.linux.sysctl={"net.ipv4.no_such":"1"}' 'linux.sysctl: "net.ipv4.no_such": '
    [ "$before" = "$(hostname) $(cat /proc/sys/kernel/msgmax)" ]
}

@test "features: every member of the specification, of the tables that are used; the options are checked elsewhere" {
    local f
    f=$(R features)
    [ "$(jq -r '[.ociVersionMin,.ociVersionMax]|join(" ")' <<<"$f")" = "1.0.0 1.3.0" ]
    [ "$(jq -r '.hooks|join(" ")' <<<"$f")" = "prestart createRuntime createContainer startContainer poststart poststop" ]
    [ "$(jq -r '.linux.namespaces|sort|join(" ")' <<<"$f")" = "cgroup ipc mount network pid time user uts" ]
    [ "$(jq -r '.linux.capabilities|length' <<<"$f")" -gt "$(cat /proc/sys/kernel/cap_last_cap)" ] ||
        [ "$(jq -r '.linux.capabilities|length' <<<"$f")" -ge 41 ]
    [ "$(jq -c '.linux|[.apparmor,.selinux,.intelRdt,.mountExtensions,.netDevices]' <<<"$f")" = \
        '[{"enabled":true},{"enabled":true},{"enabled":true,"schemata":true,"monitoring":true},{"idmap":{"enabled":true}},{"enabled":true}]' ]
    [ "$(jq -r '.linux.memoryPolicy|(.modes|length),(.flags|length)' <<<"$f" | tr '\n' ' ')" = "7 3 " ]
    [ "$(jq -r '.linux.seccomp|(.actions|length),(.operators|length),(.knownFlags|length)' <<<"$f" | tr '\n' ' ')" = "9 7 4 " ]
    [ "$(jq -r '.linux.seccomp|.supportedFlags-.knownFlags|length' <<<"$f")" = 0 ]
    [ "$(jq -r '.annotations["io.github.seccomp.libseccomp.version"]' <<<"$f")" != null ]
    [ "$(jq -r '.potentiallyUnsafeConfigAnnotations|join(" ")' <<<"$f")" = "run.oci. org.criu.config" ]
    # each name that is said to be known is taken
    local m
    for m in $(jq -r '.linux.memoryPolicy.modes[]' <<<"$f"); do
        case $m in MPOL_DEFAULT | MPOL_LOCAL) nodes= ;; *) nodes=0 ;; esac
        in_container ".linux.memoryPolicy={mode:\"$m\",nodes:\"$nodes\"} | .process.capabilities.bounding=$(jq -c .linux.capabilities <<<"$f")" 'echo taken'
        [[ $output == taken || ($output == *"linux.memoryPolicy: invalid argument"* && $m == MPOL_WEIGHTED_INTERLEAVE) ]] || { echo "$m: $output"; return 1; }
    done
}

@test "a user namespace's own sysctls; a terminal that is too large" {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$ROOTFS"
    in_container '.linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.sysctl={"user.max_ipc_namespaces":"7","net.ipv4.ip_forward":"1"}' \
        'cat /proc/sys/user/max_ipc_namespaces /proc/sys/net/ipv4/ip_forward'
    [ "$output" = "7
1" ] || { echo "$output"; return 1; }
    refused '.linux.sysctl={"user.max_ipc_namespaces":"7"}' 'needs a user namespace'
    refused '.process.terminal=true | .process.consoleSize={height:70000,width:1}' 'process.consoleSize.height: 70000'
}

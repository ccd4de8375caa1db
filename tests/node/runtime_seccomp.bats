# seccomp: what a profile does to a container's processes, with and without no_new_privs, and the notify listener.

load runtime

setup_file() {
    runtime_setup_file
    gcc -O1 -o "$BATS_FILE_TMPDIR/agent" "$BATS_TEST_DIRNAME/seccomp_agent.c"
    # what a program cannot do by a shell: one call by its number, its errno
    cat >"$BATS_FILE_TMPDIR/call.c" <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int n, char **v)
{
    for (int i = 1; i < n; i++) {
        errno = 0;
        syscall(strtol(v[i], NULL, 0), -1L, 0L, 0L, 0L, 0L, 0L);
        printf("%s%d", i > 1 ? " " : "", errno);
    }
    puts("");
}
C
    gcc -O1 -static -o "$ROOTFS/bin/call" "$BATS_FILE_TMPDIR/call.c"
}
setup() { runtime_setup; }
teardown() {
    [ -z "${AGENT:-}" ] || kill "$AGENT"
    runtime_teardown
}

# agent ERRNO: in the background; its words are in $T/agent.
agent() {
    "$BATS_FILE_TMPDIR/agent" "$T/agent.sock" "$1" >"$T/agent" 3>&- &
    AGENT=$!
    until_true grep -q ready "$T/agent"
}

notify='{defaultAction:"SCMP_ACT_ALLOW",listenerPath:"\($T)/agent.sock",listenerMetadata:"words",syscalls:[
    {names:["mkdir","mkdirat"],action:"SCMP_ACT_NOTIFY"}]}'
# with_profile PROFILE: the jq program that sets it; $T in it is ours
with_profile() {
    echo "env.T as \$T | .linux.seccomp=$1 ${2:+| $2}"
}

@test "calls newer than the profile are unknown, others are refused" {
    # of kill (62) and what runs a shell; mount (165) is refused, 500 is nobody's yet, clone3 (435) is newer
    local all profile
    all='["read","write","open","openat","close","fstat","stat","newfstatat","mmap","mprotect","munmap","brk","rt_sigaction","rt_sigprocmask","ioctl","access","execve","arch_prctl","set_tid_address","set_robust_list","prlimit64","getrandom","exit_group","capget","capset","rseq","readlink","prctl","futex","statx","recvmsg","sendmsg"]'
    profile="{defaultAction:\"SCMP_ACT_ERRNO\",architectures:[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],syscalls:[{names:$all,action:\"SCMP_ACT_ALLOW\"}]}"
    for nnp in true false; do
        bundle c ".process.noNewPrivileges=$nnp | .linux.seccomp=$profile | .process.args=[\"/bin/call\",\"165\",\"435\",\"500\",\"334\"]"
        run R run --bundle "$T/c" c
        [ "$status" = 0 ]
        [ "$output" = "1 38 38 22" ] # the last is rseq, which is named, with bad arguments
    done
}

@test "notify: run, create and start, exec; the state that comes with the listener" {
    export T
    agent 117
    for nnp in true false; do
        in_container "$(with_profile "$notify" ".process.noNewPrivileges=$nnp | .annotations={a:\"b\"}")" 'mkdir /dev/shm/x; ls /dev/shm'
        [[ "$output" == *"Structure needs cleaning"* ]] # 117
    done
    in_container "$(with_profile "$notify" '.linux.namespaces += [{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] |
        .linux.gidMappings=[{containerID:0,hostID:100000,size:65536}]')" 'mkdir /dev/shm/x'
    [[ "$output" == *"Structure needs cleaning"* ]]
    sed -n 2p "$T/agent" | jq -e --arg b "$T/c" '.fds==["seccompFd"] and .metadata=="words" and .state.id=="c" and .pid==.state.pid and
        .pid>1 and .state.bundle==$b and .state.annotations=={a:"b"} and .ociVersion==.state.ociVersion and .state.status=="created"'
    grep -q '^call 83 of ' "$T/agent"

    bundle c "$(with_profile "$notify" "$sleeper")"
    R create --bundle "$T/c" c
    R start c
    [ "$(tail -1 "$T/agent" | jq .pid)" = "$(pid_of c)" ]
    run R exec c mkdir /dev/shm/x
    [ "$status" = 1 ]
    [[ "$output" == *"Structure needs cleaning"* ]]
    tail -2 "$T/agent" | head -1 | jq -e --argjson init "$(pid_of c)" '.state.pid==$init and .pid!=$init and .state.status=="running"'
}

@test "annotations: another receiver; names that nobody knows" {
    export T
    agent 117
    in_container "$(with_profile "${notify/agent.sock/none.sock}" ".annotations[\"run.oci.seccomp.receiver\"]=\"$T/agent.sock\"")" 'mkdir /dev/shm/x'
    [[ "$output" == *"Structure needs cleaning"* ]]
    local odd='{defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["mkdir","nonsense"],action:"SCMP_ACT_ERRNO"}]}'
    in_container "$(with_profile "$odd")" 'echo runs'
    [ "$output" = runs ]
    refused "$(with_profile "$odd" '.annotations["run.oci.seccomp_fail_unknown_syscall"]="1"')" 'unknown system call "nonsense"'
}

@test "notify: calls that the runtime itself makes after it has installed the filter" {
    export T
    agent 0
    local calls='["mkdir","execve","close","sendmsg","recvmsg","rt_sigprocmask","read","capset","capget","prctl"]'
    for nnp in true false; do
        in_container "$(with_profile "${notify/'["mkdir","mkdirat"]'/$calls}" ".process.noNewPrivileges=$nnp")" 'mkdir /dev/shm/x && ls /dev/shm'
        [ "$output" = x ]
    done
    grep -q '^call 59 of ' "$T/agent"
}

@test "notify: no agent, no socket, the write call; nothing is left" {
    export T
    bundle c "$(with_profile "$notify")"
    run R create --bundle "$T/c" c
    [[ "$output" == *"linux.seccomp.listenerPath: failed to connect with seccomp agent: $T/agent.sock: "*"o such file"* ]]
    touch "$T/agent.sock"
    run R create --bundle "$T/c" c
    [[ "$output" == *"not a socket"* ]]
    rm "$T/agent.sock"
    agent 1
    bundle c "$(with_profile "$notify" "$sleeper")"
    R create --bundle "$T/c" c
    kill "$AGENT" && wait "$AGENT" || :
    AGENT=
    run R start c
    [ "$status" = 1 ]
    [[ "$output" == *"linux.seccomp.listenerPath: connect to "* ]]
    [ "$(status_of c)" = stopped ]
    bundle w "$(with_profile "${notify/'"mkdirat"'/\"write\"}")"
    run R create --bundle "$T/w" w
    [[ "$output" == *"linux.seccomp: syscalls[0]: SCMP_ACT_NOTIFY cannot be used for the write syscall"* ]]
}

@test "a profile that libseccomp does not come back from has five seconds, and leaves nothing" {
    bundle c "$(with_profile '{defaultAction:"SCMP_ACT_ALLOW",syscalls:[
        {names:["mkdir"],action:"SCMP_ACT_ERRNO",errnoRet:1,args:[{index:1,value:65280,valueTwo:512,op:"SCMP_CMP_MASKED_EQ"},
            {index:2,value:7,op:"SCMP_CMP_LT"},{index:0,value:3,op:"SCMP_CMP_NE"}]},
        {names:["mkdir"],action:"SCMP_ACT_ERRNO",errnoRet:2,args:[{index:2,value:7,op:"SCMP_CMP_LT"},{index:0,value:3,op:"SCMP_CMP_NE"}]}]}')"
    run R run --bundle "$T/c" c
    echo "$output"
    [ "$status" = 1 ]
    [[ $output == *"linux.seccomp: libseccomp has not finished with the profile after 5 s"* ]]
    [ -z "$(R list -q)" ]
}

@test "flags reach the kernel; actions end what they should end" {
    local flags='flags:["SECCOMP_FILTER_FLAG_TSYNC","SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW"]'
    in_container ".linux.seccomp={defaultAction:\"SCMP_ACT_ALLOW\",$flags,syscalls:[{names:[\"mkdir\"],action:\"SCMP_ACT_TRAP\"}]}" \
        'grep Seccomp: /proc/self/status; mkdir /dev/shm/x; echo $?'
    [[ "$output" == *"Seccomp:"*2*159 ]] # SIGSYS
    in_container '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["mkdir"],action:"SCMP_ACT_KILL_PROCESS"}]}' 'exec mkdir /dev/shm/x'
    [ "$status" = 159 ]
    in_container '.linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["mkdir"],action:"SCMP_ACT_LOG"},{names:["rmdir"],action:"SCMP_ACT_TRACE"}]}' \
        'mkdir /dev/shm/x && busybox rmdir /dev/shm/x'
    [[ "$output" == *"unction not implemented"* ]] # nobody traces
}

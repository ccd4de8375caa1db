#!/usr/bin/env bats
# containerd with its shim io.containerd.runc.v2 drives wherry-runtime: every command says what it says with runc. engines.bash tells how.

load leak.bash
load engines.bash

setup() { : >"$ENGINES/runc.calls" && : >"$ENGINES/ours.calls"; }
setup_file() {
    engines_setup
    containerd_start
    # the runtimes, with a note of each call: that ctr took what it was given
    printf '#!/bin/sh\necho "$@" >>%s.calls\nexec %s "$@"\n' "$ENGINES/runc" "$RUNC" >"$ENGINES/runc"
    printf '#!/bin/sh\necho "$@" >>%s.calls\nexec %s "$@"\n' "$ENGINES/ours" "$OURS" >"$ENGINES/ours"
    chmod 755 "$ENGINES/runc" "$ENGINES/ours"
    world ctr -a "$ENGINES/containerd.sock" images import "$ENGINES/image.tar" >/dev/null
}
teardown_file() { engines_teardown; }
teardown() { # each test has removed what it made
    [ -z "$(world ctr -a "$ENGINES/containerd.sock" containers ls -q)" ]
    [ -z "$(find /sys/fs/cgroup -type d -path "*$ENGINES_CG/*")" ]
    ! world grep "$ENGINES/state/io.containerd.runtime.v2.task/" /proc/mounts
    ! ls "$ENGINES"/root.*/default | grep ^c- # what the runtime keeps of a container
}

C() { timeout --foreground 60 ctr -a "$ENGINES/containerd.sock" "$@"; }
T() { C tasks "$@"; }
ctrun() { # OPTIONS... then IMAGE, the container's name and its command
    C run --runtime io.containerd.runc.v2 --runc-binary "$ENGINES/$N" --runc-root "$ENGINES/root.$N" --cgroup "$ENGINES_CG/c-$N" "$@"
}
# ctr loses what a command says that ends before ctr has opened its pipes: then again, until something was said.
loud() { # COMMAND...
    local i out rc
    for i in 1 2 3 4 5 6 7 8; do
        rc=0
        out=$("$@" 2>&1) || rc=$?
        [ -z "$out" ] || break
    done
    echo "$out"
    return $rc
}
export -f C T ctrun loud

commands() {
    say loud ctrun --rm $IMAGE c-$N echo out
    say loud ctrun --rm $IMAGE c-$N sh -c 'echo err >&2; exit 7'
    say loud ctrun --rm $IMAGE c-$N nope
    say loud ctrun --rm $IMAGE c-$N /nope
    say loud ctrun --rm $IMAGE c-$N /etc
    say loud ctrun --rm $IMAGE c-$N /etc/passwd
    say_status ctrun --rm --cwd /etc/passwd $IMAGE c-$N true
    say loud ctrun --rm --cwd /new/dir --env A=b $IMAGE c-$N sh -c 'pwd; echo $A'
    say loud ctrun --rm $IMAGE c-$N sh -c 'cut -d: -f2- /proc/self/cgroup; hostname'
    say loud ctrun --rm --read-only $IMAGE c-$N touch /x
    say loud ctrun --rm --read-only --mount type=bind,src=/etc,dst=/tmp,options=rbind:ro $IMAGE c-$N sh -c 'exec 2>&1; ls /tmp/debian_version; touch /tmp/x'
    say loud ctrun --rm --mount type=tmpfs,src=t,dst=/t,options=size=1m $IMAGE c-$N sh -c 'df /t | tail -1'
    say loud ctrun --rm $IMAGE c-$N grep -E 'Cap|NoNew|Seccomp:|Groups' /proc/self/status
    say loud ctrun --rm --cap-drop CAP_CHOWN --cap-add CAP_SYS_ADMIN --allow-new-privs $IMAGE c-$N grep -E 'Cap|NoNew' /proc/self/status
    say loud ctrun --rm --seccomp $IMAGE c-$N sh -c 'exec 2>&1; grep Seccomp: /proc/self/status; unshare -U true'
    say loud ctrun --rm --privileged $IMAGE c-$N grep -E 'CapEff|Seccomp:' /proc/self/status
    say loud ctrun --rm --net-host $IMAGE c-$N ls /sys/class/net
    say ctrun --rm --with-ns "uts:/proc/1/ns/uts" $IMAGE c-$N true
    say loud ctrun --rm --no-pivot $IMAGE c-$N echo moved
}
@test "run: commands, what cannot be run, capabilities, seccomp, mounts, namespaces" {
    both commands
    same_calls
    said out '-> 7' 'touch: /x: Read-only file system' 'Seccomp:	2' moved \
        'ctr: failed to create shim task: OCI runtime create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown'
}

verbs() { cut -d' ' -f7 "$ENGINES/$1.calls" | sort -u; }
same_calls() {
    diff <(verbs runc) <(verbs ours)
    verbs ours | grep -q create
}

state_of() { T ls | awk -v c="$1" '$1 == c {print $3}'; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }
export -f state_of is_state

life() {
    say ctrun -d --memory-limit 67108864 --cpus 0.5 $IMAGE c-$N sh -c 'trap "exit 3" TERM; trap "touch /hup" HUP; while :; do sleep 0.05; done'
    say state_of c-$N
    say loud T exec --exec-id e c-$N sh -c 'echo err >&2; exit 42'
    say loud T exec --exec-id e c-$N nope
    say loud T exec --exec-id e c-$N /etc
    say_status T exec --exec-id e --cwd /nodir c-$N true
    say loud T exec --exec-id e --user 33:5 --cwd /tmp c-$N sh -c 'id -u; id -g; pwd'
    say loud T exec --exec-id e c-$N sh -c 'ulimit -n; cat /proc/self/oom_score_adj'
    say bash -c "cat /sys/fs/cgroup/memory$ENGINES_CG/c-$N/memory.limit_in_bytes /sys/fs/cgroup/cpu$ENGINES_CG/c-$N/cpu.cfs_quota_us"
    say_tty 33 99 "T exec -t --exec-id e c-$N sh -c 'tty; $sized 33 99; exit 4'"
    say bash -c "T ps c-$N | grep -c [0-9]"
    say bash -c "T metrics c-$N | grep -o 'pids.current'"
    say T pause c-$N
    say state_of c-$N
    say T pause c-$N
    say loud T exec --exec-id e c-$N true
    say T resume c-$N
    say T resume c-$N
    say state_of c-$N
    say T kill -s HUP c-$N
    until_true T exec --exec-id e c-$N test -e /hup
    say T kill -s NOSUCH c-$N
    say T rm c-$N
    say C containers rm c-$N
    say T kill c-$N
    until_true is_state c-$N STOPPED
    say T kill c-$N
    say T pause c-$N
    say loud T exec --exec-id e c-$N true
    say T rm c-$N
    say T rm c-$N
    say C containers rm c-$N
}
@test "a life: exec, a terminal, pause, kill, what is not running" {
    both life
    same_calls
    said RUNNING PAUSED 33 5 /tmp 67108864 50000 '33 99' '-> 4' '-> 42' \
        'ctr: process already finished: not found' 'ctr: OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown'
}

killed() {
    say ctrun -d $IMAGE c-$N sleep 1000
    say T exec -d --exec-id e c-$N sleep 1000
    say T kill --exec-id e -s KILL c-$N
    say T kill -a -s KILL c-$N
    until_true is_state c-$N STOPPED
    say T rm c-$N
    say T start -d c-$N
    say state_of c-$N
    say T rm -f c-$N
    say C containers rm c-$N
    say_tty 30 90 "ctrun --rm -t $IMAGE c-$N sh -c 'tty; $sized 30 90; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; exit 9'"
}
@test "kill of all, of an exec; start again; a terminal" {
    both killed
    same_calls
    said RUNNING 'level=warning msg="task c exit with non-zero exit code 137"' /dev/pts/0 '30 90' '-> 9'
}

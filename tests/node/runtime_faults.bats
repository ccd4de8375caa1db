#!/usr/bin/env bats
# System calls that fail, one at a time, while a container is made, entered and removed: an error that says so, and
# nothing is left: no process, no cgroup, no mount, no state.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

# fail CALL WHEN VERB...: one command with the WHEN-th CALL (per process) failing; its output in $output.
fail_call() {
    local call=$1 when=$2
    shift 2
    run timeout 20 strace -qq -f -o /dev/null -e trace="$call" -e inject="$call:error=EIO:when=$when" \
        "$WHERRY_BIN/wherry-runtime" --root "$T/root" "$@" </dev/null
}

calls="clone3 open_tree move_mount fsopen fsconfig fsmount mount_setattr mount openat2 mkdirat mknodat symlinkat fchdir pivot_root
 umount2 chdir socketpair sendmsg setsid sethostname close_range prctl capset setresuid setgroups unshare renameat getcwd"

@test "create and run with each call failing once" {
    bundle c '.process.args=["true"] | .linux.namespaces+=(if any(.linux.namespaces[];.type=="cgroup") then [] else [{type:"cgroup"}] end)'
    local call when tolerated=0
    for call in $calls; do
        for when in 1 2 4; do
            fail_call "$call" "$when" run --bundle "$T/c" c
            [ "$status" != 124 ] || { echo "$call $when hangs"; return 1; }
            if [ "$status" = 0 ]; then
                tolerated=$((tolerated + 1))
            else
                [[ $output == *"error: "* ]] || { echo "$call $when: status $status: $output"; return 1; }
            fi
            # where the call that failed was one of the cleaning up, that is what delete --force is for
            [ -z "$(R list -q)" ] || [ "$status" != 0 ] || { echo "$call $when leaves state and no error"; return 1; }
            R delete --force c
            [ -z "$(find /sys/fs/cgroup -type d -path "*/$CG/c")" ] || { echo "$call $when leaves a cgroup"; return 1; }
        done
    done
    echo "tolerated: $tolerated"
}

@test "exec with each call failing once: the container goes on, nothing is left in it" {
    bundle c "$sleeper"
    R run --detach --bundle "$T/c" c
    local call when
    for call in clone setns clone3 socketpair sendmsg setsid close_range prctl capset setresuid setgroups getcwd chdir execve; do
        for when in 1 2; do
            fail_call "$call" "$when" exec c true
            [ "$status" != 124 ]
        done
    done
    [ "$(status_of c)" = running ]
    until_true eval '[ "$(R ps --format json c | jq length)" = 1 ]'
    R exec c true
}

@test "delete with each call failing once: again, and it is gone" {
    local call when
    for call in unlinkat openat getdents64 flock pidfd_send_signal poll; do
        for when in 1 2 3; do
            bundle c "$sleeper"
            R run --detach --bundle "$T/c" c
            fail_call "$call" "$when" delete --force c
            R delete --force c
            [ -z "$(R list -q)" ]
        done
    done
}

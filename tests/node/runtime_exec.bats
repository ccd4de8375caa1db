#!/usr/bin/env bats
# exec: its options one by one, beside Debian's runc where it has them.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() {
    runtime_setup
    bundle c "$sleeper | .process.env+=[\"A=own\"]"
}
teardown() {
    runc --root "$T/runc" delete --force p 2>/dev/null || :
    runtime_teardown
}

@test "exec does what runc's does" {
    mkdir -p "$T/p"
    jq '.linux.cgroupsPath|=sub("/c$";"/p") | del(.process.rlimits)' "$T/c/config.json" >"$T/p/config.json"
    jq '.process | .args=["sh","-c","echo $A $B; id -u; id -G; pwd; grep Cap /proc/self/status; exit 9"] | .env+=["B=2"] | .cwd="/tmp" |
        .user={uid:5,gid:6,additionalGids:[7]}' "$T/p/config.json" >"$T/process.json"
    same_as_runc 'R run -d --bundle "$T/p" "$1" </dev/null
        R exec "$1" sh -c "exit 42" </dev/null; echo $?
        R exec "$1" sh -c "kill -9 \$\$"; echo $?
        R exec -e A=more -e B=b "$1" sh -c "echo \$A \$B"
        R exec --cwd /bin -u 1000:1001 -g 7 -g 9 "$1" sh -c "pwd; id -u; id -G; echo \$HOME"
        R exec -u 77 "$1" sh -c "id -u; id -g; echo \$HOME"
        R exec -c CAP_SYS_NICE -c CAP_CHOWN "$1" grep Cap /proc/self/status
        R exec --no-new-privs "$1" grep NoNewPrivs /proc/self/status
        R exec -p "$T/process.json" "$1"; echo $?
        R exec --preserve-fds 2 "$1" sh -c "cat <&4; ls /proc/self/fd" 4</etc/hostname 3</dev/null
        R exec -d --pid-file "$T/pid" "$1" sleep 1000; kill -0 $(cat "$T/pid") && echo lives
        R exec "$1" nope 2>/dev/null; echo $?
        R exec none true 2>/dev/null; echo $?
        R exec --pid-file /no/such/folder/pid "$1" true 2>/dev/null; echo $?
        R pause "$1"; R exec "$1" true 2>/dev/null; echo $?; R resume "$1"
        R delete --force "$1"'
}

@test "exec --process: a pipe" {
    R run -d --bundle "$T/c" c </dev/null
    run R exec -p <(jq -c '.process | .args=["echo","piped"]' "$T/c/config.json") c
    [ "$output" = piped ]
    run R exec -p <(printf '{') c
    [[ $status = 255 && $output == *"--process"* ]]
}

@test "exec: a container that is paused, stopped, not there" {
    R run -d --bundle "$T/c" c
    R pause c
    run R exec c true
    [ "$status" = 255 ]
    [[ $output == *"exec failed: cannot exec in a paused container (use --ignore-paused to override)"* ]]
    R exec --detach --ignore-paused --pid-file "$T/pid" c touch /dev/shm/thawed </dev/null >/dev/null 2>&1 3>&- &
    local frozen=$!
    until_true test -e "/proc/$(pid_of c)"
    R resume c
    wait $frozen
    until_true R exec c test -e /dev/shm/thawed
    R kill c KILL
    until_true eval '[ "$(status_of c)" = stopped ]'
    run R exec c true
    [ "$status" = 255 ]
    [[ $output == *"exec failed: cannot exec in a stopped container"* ]]
    run R exec d true
    [ "$status" = 255 ]
    [[ $output == *"exec failed: d: container does not exist"* ]]
}

@test "exec --pidfd-socket" {
    R run -d --bundle "$T/c" c
    receiver
    R exec -d --pid-file "$T/pid" --pidfd-socket "$T/sock" c sleep 1000
    wait $receiver
    [ "$(cat "$T/got")" = "setns $(cat "$T/pid")" ]
    run R exec --pidfd-socket "$T/none" c touch /dev/shm/ran
    [ "$status" = 255 ]
    [[ $output == *"--pidfd-socket: $T/none: no such file or directory"* ]]
    run R exec c test -e /dev/shm/ran
    [ "$status" = 1 ] # it had not started
}

@test "exec --cgroup" {
    local top sub
    R run -d --bundle "$T/c" c
    top=$(dirname "$(cg_file pids pids.max)")
    mkdir "$top/sub"
    sub=sub
    is_v2 || sub=pids:sub
    R exec -d --cgroup "$sub" --pid-file "$T/pid" c sleep 1000
    [ "$(cat "$top/sub/cgroup.procs")" = "$(cat "$T/pid")" ]
    if ! is_v2; then
        grep -q ":memory:/$CG/c$" "/proc/$(cat "$T/pid")/cgroup"
        mkdir -p "/sys/fs/cgroup/cpu/$CG/c/sub" "/sys/fs/cgroup/cpuacct/$CG/c/sub" # one or two hierarchies
        R exec --cgroup pids:/sub --cgroup cpu,cpuacct:sub c cat /proc/self/cgroup >"$T/out"
        grep -q ":pids:/$CG/c/sub$" "$T/out"
        grep -q ":cpu.*:/$CG/c/sub$" "$T/out"
    fi
    R exec --cgroup / c cat /proc/self/cgroup >"$T/out"
    ! grep sub "$T/out"
    local line text
    while IFS='|' read -r line text; do
        run R exec --cgroup "$line" c true
        [ "$status" = 255 ]
        [[ $output == *"$text"* ]] || { echo "$line: $output"; return 1; }
    done <<'LIST'
..|bad sub cgroup path
../c|bad sub cgroup path
none|no such file or directory
whaaat:/|unknown controller whaaat
a:b:c|invalid --cgroup argument
LIST
    run R exec --cgroup sub --cgroup sub c true
    [[ $output == *"missing <controller>: prefix"* ]]
}

@test "exec: one message, of one line, that engines know" {
    ROOTFS=$T/fs
    make_rootfs "$ROOTFS"
    printf '#!/no/such/interpreter\n' >"$ROOTFS/bin/script"
    chmod 755 "$ROOTFS/bin/script"
    echo plain >"$ROOTFS/etc/plain"
    bundle c "$sleeper"
    R run -d --bundle "$T/c" c
    local line
    while IFS='|' read -r program text; do
        run R --log "$T/log" --log-format json exec c "$program"
        [ "$status" = 255 ]
        [ "${#lines[@]}" = 1 ]
        [[ $output == *"$text" ]] || { echo "$program: $output"; return 1; }
        [[ $(tail -1 "$T/log" | jq -r 'select(.level=="error").msg') == "exec failed: unable to start container process: $text" ]]
    done <<'LIST'
nope|exec: "nope": executable file not found in $PATH
/nope|exec: "/nope": stat /nope: no such file or directory
/etc/plain|exec: "/etc/plain": permission denied
/bin|exec: "/bin": is a directory: permission denied
/bin/script|exec /bin/script: no such file or directory
LIST
}

#!/usr/bin/env bats
# What stands around a container's start: the options of create and run, sockets and descriptors that pass.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() {
    runtime_setup
    manager=
}
teardown() {
    [ -z "$manager" ] || kill "$manager"
    runc --root "$T/runc" delete --force p 2>/dev/null || :
    runtime_teardown
}

# a service manager: prints what it is told to $T/told
manager() {
    "$ROOTFS/bin/notify" --as "$T/manager" >"$T/told" 3>&- &
    manager=$!
    until_true test -S "$T/manager"
}

@test "create and run: --pidfd-socket" {
    bundle c "$sleeper"
    receiver
    R create --bundle "$T/c" --pidfd-socket "$T/sock" c
    wait $receiver
    [ "$(cat "$T/got")" = "standard $(pid_of c)" ]
    R delete c
    receiver
    R run -d --bundle "$T/c" --pidfd-socket "$T/sock" c
    wait $receiver
    [ "$(cat "$T/got")" = "standard $(pid_of c)" ]
    R delete --force c
    run R run -d --bundle "$T/c" --pidfd-socket "$T/none" c
    [ "$status" = 1 ]
    [[ $output == *"--pidfd-socket: $T/none: no such file or directory"* ]]
    [ -z "$(R list -q)" ]
}

@test "--config: a file of another name, in the bundle or elsewhere" {
    bundle c '.process.args=["echo","other"]'
    mv "$T/c/config.json" "$T/c/other.json"
    [ "$(R run --bundle "$T/c" --config other.json c)" = other ]
    [ "$(R run --bundle "$T/c" -f "$T/c/other.json" c)" = other ]
    run R create --bundle "$T/c" -f none.json c
    [ "$status" = 1 ]
    [[ $output == *"$T/c/none.json: no such file or directory"* ]]
}

@test "--keep: what run leaves is a stopped container" {
    bundle c '.process.args=["false"]'
    run R run --keep --bundle "$T/c" c
    [ "$status" = 1 ]
    [ "$(status_of c)" = stopped ]
    [ "$(pid_of c)" = 0 ]
    R delete c
}

@test "--preserve-fds: one that is not open is an error" {
    bundle c "$sleeper"
    run bash -c 'exec 3>&-; exec "$@"' bash "$WHERRY_BIN/wherry-runtime" --root "$T/root" run --preserve-fds=1 --bundle "$T/c" c </dev/null
    [ "$status" = 1 ]
    [[ $output == *"preserved-fd 0 (descriptor 3): bad file descriptor"* ]]
}

@test "NOTIFY_SOCKET: the manager hears of READY what it hears from runc" {
    mkdir -p "$T/p"
    export SCRIPT='notify "STATUS=warming up"; notify "READY=1
X=1"; grep " /run/notify " /proc/self/mountinfo | cut -d" " -f5,6; touch /run/notify/x 2>/dev/null || echo shut; sleep 1000'
    bundle c '.process.args=["sh","-c",$ENV.SCRIPT] | del(.process.rlimits)'
    jq '.linux.cgroupsPath|=sub("/c$";"/p")' "$T/c/config.json" >"$T/p/config.json"
    same_as_runc 'manager
        export NOTIFY_SOCKET=$T/manager
        R run -d --bundle "$T/$1" "$1" </dev/null
        until_true grep MAINPID "$T/told"; sed "s/MAINPID=$(R state "$1" | jq .pid)/MAINPID=of init/" "$T/told" | grep -v BARRIER
        R delete --force "$1"
        R create --bundle "$T/$1" "$1" </dev/null
        R start "$1"
        until_true eval "[ \$(grep -c MAINPID $T/told) = 2 ]"; sed "s/MAINPID=$(R state "$1" | jq .pid)/MAINPID=of init/" "$T/told" | grep -v BARRIER | tail -2
        R delete --force "$1"
        kill $manager; manager=; rm "$T/manager"'
}

@test "NOTIFY_SOCKET: run stays and is the main process; a container that never is ready" {
    manager
    export SCRIPT='notify READY=1; read x' NOTIFY_SOCKET=$T/manager
    bundle c '.process.args=["sh","-c",$ENV.SCRIPT]'
    mkfifo "$T/in"
    "$WHERRY_BIN/wherry-runtime" --root "$T/root" run --bundle "$T/c" c <"$T/in" 3>&- &
    local runtime=$!
    exec 7>"$T/in"
    until_true grep -q BARRIER "$T/told"
    grep -q "^MAINPID=$runtime$" "$T/told"
    echo end >&7
    exec 7>&-
    wait $runtime
    bundle c '.process.args=["true"]'
    R run -d --bundle "$T/c" c
    R delete c
    NOTIFY_SOCKET= R create --bundle "$T/c" c
    R start c
    [ "$(grep -c READY "$T/told")" = 1 ]
}

@test "orphans of a container without a pid namespace: ours, and reaped; or not ours" {
    local runtime orphan
    export SCRIPT='(sleep 1000 & echo $! >/dev/shm/pid); cat /dev/shm/pid; read x'
    bundle c '.process.args=["sh","-c",$ENV.SCRIPT] | .linux.namespaces|=map(select(.type!="pid"))'
    mkfifo "$T/in"
    parent_of_orphan() {
        "$WHERRY_BIN/wherry-runtime" --root "$T/root" run "$@" --bundle "$T/c" c <"$T/in" >"$T/out" 3>&- &
        runtime=$!
        exec 7>"$T/in"
        until_true test -s "$T/out"
        orphan=$(cat "$T/out")
        parent=$(sed 's/.*) . \([0-9]*\) .*/\1/' "/proc/$orphan/stat")
    }
    parent_of_orphan
    [ "$parent" = "$runtime" ]
    kill -KILL "$orphan"
    until_true test ! -e "/proc/$orphan"
    exec 7>&-
    wait $runtime || [ $? = 1 ]
    parent_of_orphan --no-subreaper
    [ "$parent" != "$runtime" ]
    exec 7>&-
    wait $runtime || [ $? = 1 ]
    until_true test ! -e "/proc/$orphan"
}

@test "--cgroup-manager=disabled: no cgroup is made" {
    bundle c "$sleeper"
    R --cgroup-manager=disabled run -d --bundle "$T/c" c
    [ "$(cat /proc/self/cgroup)" = "$(cat "/proc/$(pid_of c)/cgroup")" ]
    [ "$(status_of c)" = running ]
    R exec c true
    local verb
    for verb in pause "update --pids-limit 5" "kill --all" ps; do
        # shellcheck disable=SC2086
        run R $verb c
        [ "$status" = 1 ]
        [[ $output == *"has no cgroup"* ]] || { echo "$verb: $output"; return 1; }
    done
    R delete --force c
    run R --cgroup-manager=systemd list
    [ "$status" = 1 ]
    [[ $output == *"only cgroupfs"* ]]
}

@test "--log: a file, and nothing else; lines as engines parse them" {
    run R --log journald:x list
    [ "$status" = 1 ]
    [[ $output == *'--log: "journald:x": only to a file'* ]]
    run R --log syslog:x list
    [ "$status" = 1 ]
    run R --log "file:$T/log" --log-format json state none
    [ "$status" = 1 ]
    jq -e 'keys==["level","msg","time"] and .level=="error" and .msg=="none: container does not exist" and (.time|fromdate>0)' "$T/log"
    mkdir "$T/root" # list wants it there, as it is named
    run R --debug list
    [ "$status" = 0 ]
    [[ $output == *'level=debug msg="wherry-runtime '* ]]
    run R --debug --log "$T/debug" --log-format json list
    [[ $output != *debug* ]]
    jq -e 'select(.level=="debug")' "$T/debug"
    same_as_runc 'R --log "$T/$1.log" --log-format json state none 2>/dev/null; jq -c ".msg|=sub(\"none: \";\"\") | {level,msg}" "$T/$1.log"
        R --log "$T/$1.text" --log-format text state none 2>/dev/null; sed "s/time=\"[0-9TZ:+-]*\"/time/; s/none: //" "$T/$1.text"'
}

#!/usr/bin/env bats
# The verbs of wherry-runtime and the life of a container, as runc's callers know them.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

@test "create, start, state, kill, delete" {
    bundle c "$sleeper | .annotations={\"a.b\":\"c\"}"
    R create --bundle "$T/c" --pid-file "$T/pid" c
    [ "$(status_of c)" = created ]
    [ "$(cat "$T/pid")" = "$(pid_of c)" ]
    [ "$(R state c | jq -r '.annotations["a.b"]')" = c ]
    [ "$(R state c | jq -r .bundle)" = "$T/c" ]
    R start c
    [ "$(status_of c)" = running ]
    run R start c
    [ "$status" = 1 ]
    [[ $output == *"cannot start an already running container"* ]]
    run R delete c
    [ "$status" = 1 ]
    R kill c KILL
    until_true eval '[ "$(status_of c)" = stopped ]'
    run R kill c
    [ "$status" = 1 ]
    [[ $output == *"container not running"* ]]
    R delete c
    run R state c
    [ "$status" = 1 ]
    [[ $output == *"does not exist"* ]]
}

@test "a created container can be deleted, and an init that waits is seen as created" {
    bundle c "$sleeper"
    R create --bundle "$T/c" c
    [ "$(R list -f json | jq -r '.[0].status')" = created ]
    [ "$(status_of c)" = created ]
    R delete c
}

@test "run: output, exit status, signal" {
    in_container . 'echo out; echo err >&2; exit 7'
    [ "$status" = 7 ]
    [[ $output == *out*err* ]]
    in_container . 'kill -9 $$'
    [ "$status" = 0 ] # init of a pid namespace cannot kill itself
    bundle c "$sleeper"
    R run --bundle "$T/c" c &
    local runtime=$! rc=0
    until_true eval '[ "$(status_of c)" = running ]'
    R kill c KILL
    wait $runtime || rc=$?
    [ "$rc" = 137 ]
    [ -z "$(R list -q)" ]
}

@test "run forwards signals" {
    export SCRIPT='trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.05; done'
    bundle c '.process.args=["sh","-c",$ENV.SCRIPT]'
    "$WHERRY_BIN/wherry-runtime" --root "$T/root" run --bundle "$T/c" c >"$T/out" &
    local runtime=$! rc=0
    until_true grep -q ready "$T/out"
    kill -TERM $runtime
    wait $runtime || rc=$?
    [ "$rc" = 3 ]
    grep -q got "$T/out"
}

@test "run --detach, exec, its exit status and its options" {
    bundle c "$sleeper"
    R run --detach --bundle "$T/c" --pid-file "$T/pid" c
    [ "$(cat "$T/pid")" = "$(pid_of c)" ]
    run R exec c sh -c 'echo hello; exit 5'
    [ "$status" = 5 ] && [ "$output" = hello ]
    run R exec --user 1000:1001 --additional-gids 7 --env A=b --cwd /tmp c sh -c 'id -u; id -g; id -G; pwd; echo $A $HOME'
    [ "$status" = 0 ]
    [ "$output" = "1000
1001
1001 7
/tmp
b /home/app" ]
    run R exec --cap CAP_SYS_NICE c grep -E 'Cap(Eff|Inh|Amb)' /proc/self/status
    [[ $output == *"CapInh:	0000000000000000"* ]]
    [[ $output == *"CapEff:	0000000020800420"* ]]
    [[ $output == *"CapAmb:	0000000000000000"* ]]
    run R exec c sh -c 'kill -9 $$'
    [ "$status" = 137 ]
}

@test "exec --process, --detach, --pid-file" {
    bundle c "$sleeper"
    R run --detach --bundle "$T/c" c
    jq '.process | .args=["sh","-c","echo here > /dev/shm/x; sleep 1000"] | .env+=["B=c"]' "$T/c/config.json" >"$T/p.json"
    R exec --detach --process "$T/p.json" --pid-file "$T/pid" c
    until_true R exec c cat /dev/shm/x
    kill -0 "$(cat "$T/pid")"
    [ "$(R ps --format json c | jq length)" = 2 ] || [ "$(R ps --format json c | jq length)" = 3 ]
    R ps c | grep -q sleep
}

@test "what cannot be executed: text and status" {
    bundle c '.process.args=["nope"]'
    run R run --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *'exec: "nope": executable file not found in $PATH'* ]]
    bundle c '.process.args=["/etc/passwd"]'
    run R create --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *'exec: "/etc/passwd": '[Pp]'ermission denied'* ]]
    bundle c '.process.args=["/nope"]'
    run R create --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *'exec: "/nope": stat /nope: '[Nn]'o such file or directory'* ]]
    bundle c "$sleeper"
    R run --detach --bundle "$T/c" c
    run R exec c nope
    [ "$status" = 255 ]
    [[ $output == *'exec: "nope": executable file not found in $PATH'* ]]
}

@test "a program that the kernel refuses is an error of start" {
    printf '#!/no/such/interpreter\n' >"$T/script"
    chmod 755 "$T/script"
    bundle c ".process.args=[\"/data\"] | .mounts+=[{destination:\"/data\",source:\"$T/script\",type:\"bind\",options:[\"bind\"]}]"
    ROOTFS=$T/fs
    make_rootfs "$ROOTFS"
    rmdir "$ROOTFS/data"
    touch "$ROOTFS/data"
    bundle c ".process.args=[\"/data\"] | .mounts+=[{destination:\"/data\",source:\"$T/script\",type:\"bind\",options:[\"bind\"]}]"
    R create --bundle "$T/c" c
    run R start c
    [ "$status" = 1 ]
    [[ $output == *"exec /data: no such file or directory"* ]]
}

@test "terminal: run and exec with a console socket" {
    bundle c '.process.terminal=true | .process.consoleSize={height:30,width:90} | .process.args=["sh","-c","tty; stty size; ls -l /dev/console; read x; echo got $x"]'
    "$BATS_FILE_TMPDIR/master" "$T/sock" "word
" >"$T/out" 2>"$T/err" 3>&- &
    local master=$!
    until_true grep -q ready "$T/err"
    R run --detach --bundle "$T/c" --console-socket "$T/sock" c
    wait $master
    grep -q /dev/pts/0 "$T/out"
    grep -q '30 90' "$T/out"
    grep -q 'got word' "$T/out"
    grep -q /dev/console "$T/out"
    until_true eval '[ "$(status_of c)" = stopped ]'
    R delete c
    bundle c "$sleeper"
    R run --detach --bundle "$T/c" c
    rm "$T/sock"
    "$BATS_FILE_TMPDIR/master" "$T/sock" >"$T/out" 2>"$T/err" 3>&- &
    master=$!
    until_true grep -q ready "$T/err"
    R exec --detach --tty --console-socket "$T/sock" c sh -c 'tty; echo done'
    wait $master
    grep -q done "$T/out"
    run R create --bundle "$T/c" --console-socket "$T/none" d
    [ "$status" = 1 ]
    [[ $output == *--console-socket* ]]
}

@test "a terminal that run relays itself" {
    bundle c '.process.terminal=true | .process.args=["sh","-c","tty; echo status; exit 4"]'
    run R run --bundle "$T/c" c </dev/null
    [ "$status" = 4 ]
    [[ $output == */dev/pts/0*status* ]]
}

@test "pause, resume, update, list" {
    bundle c "$sleeper"
    R run --detach --bundle "$T/c" c
    R pause c
    [ "$(status_of c)" = paused ]
    run R exec c true
    [ "$status" = 255 ]
    [[ $output == *paused* ]]
    run R pause c
    [ "$status" = 1 ]
    R resume c
    [ "$(status_of c)" = running ]
    R exec c true
    R update --pids-limit 50 --memory 64m c
    [ "$(cat "$(cg_file pids pids.max)")" = 50 ]
    if is_v2; then [ "$(cat "$(cg_file memory memory.max)")" = 67108864 ]; else [ "$(cat "$(cg_file memory memory.limit_in_bytes)")" = 67108864 ]; fi
    echo '{"pids":{"limit":60}}' | R update --resources - c
    [ "$(cat "$(cg_file pids pids.max)")" = 60 ]
    R list | grep -E '^c +[0-9]+ +running'
    [ "$(R list --quiet)" = c ]
    R pause c
    R delete --force c # a frozen container can be killed
}

@test "delete --force of what does not exist, of a half-made container, of garbage" {
    R delete --force nothing
    run R delete nothing
    [ "$status" = 1 ]
    mkdir -p "$T/root/half"
    R delete --force half
    mkdir -p "$T/root/bad"
    echo '{broken' >"$T/root/bad/state.json"
    run R state bad
    [ "$status" = 1 ]
    [[ $output == *"container bad"* ]]
    rm -r "$T/root/bad"
}

@test "R-024 an id is no path" {
    bundle c "$sleeper"
    local id
    for id in .. . a/b /x '' .hidden 'a
b' %2e%2e ü "$(printf 'x%.0s' {1..300})" 'a b'; do
        run R create --bundle "$T/c" "$id"
        [ "$status" = 1 ]
        [[ $output == *"container id"* ]]
        run R delete --force "$id"
        [ "$status" = 1 ]
    done
    R create --bundle "$T/c" A-b_c+d.e
    [ "$(stat -c %a "$T/root")" = 700 ]
    [ "$(stat -c %a "$T/root/A-b_c+d.e")" = 700 ]
    run R create --bundle "$T/c" A-b_c+d.e
    [ "$status" = 1 ]
    [[ $output == *"already exists"* ]]
    R delete --force A-b_c+d.e
}

@test "R-018 exec --user takes numbers and nothing else" {
    bundle c "$sleeper"
    R run --detach --bundle "$T/c" c
    [ "$(R exec --user 1 c id -u)" = 1 ]
    [ "$(R exec --user 1:2 c sh -c 'id -u; id -g' | tr '\n' ' ')" = "1 2 " ]
    [ "$(R exec --user 65535 c id -u)" = 65535 ]
    local u
    for u in '' ':5' '1:' 'a:1' '1:1:1' root -1 +0 0x0 ' 0' 4294967295 4294967296 4294967297 99999999999999999999; do
        run R exec "--user=$u" c id -u
        [ "$status" = 255 ]
        [[ $output == *"--user"* ]]
    done
}

@test "errors name the field; --log takes them as JSON" {
    bundle c '.process.args=[]'
    run R --log "$T/log" --log-format json create --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *"process: args: must not be empty"* ]]
    [ "$(jq -r .level "$T/log")" = error ]
    [[ $(jq -r .msg "$T/log") == *"process: args"* ]]
    local line program text
    while read -r line; do
        program=${line%% => *} text=${line#* => }
        bundle c "$program"
        run R create --bundle "$T/c" c
        [ "$status" = 1 ]
        [[ $output == *"$text"* ]] || { echo "$program: $output"; return 1; }
    done <<'LIST'
.ociVersion="2.0.0" => ociVersion: "2.0.0"
.process.cwd="tmp" => process: cwd: "tmp"
.process.rlimits=[{type:"RLIMIT_X",hard:1,soft:1}] => process.rlimits[0]: type: unknown limit "RLIMIT_X"
.process.user.uid="x" => process.user.uid
.mounts+=[{destination:"/x",type:"bind",source:"/tmp",options:["bind","odd"]}] => mounts[7]: options: "odd"
.linux.namespaces+=[{type:"odd"}] => type: unknown namespace "odd"
.linux.namespaces+=[{type:"pid"}] => is listed twice
.linux.namespaces+=[{type:"user"}] => needs uidMappings
.linux.namespaces|=map(if .type=="network" then .path="/proc/self/ns/uts" else . end) => is not a network namespace
.linux.sysctl={"kernel.core_pattern":"x"} => linux.sysctl: "kernel.core_pattern": is not in a namespace
.linux.cgroupsPath="/a/../b" => linux.cgroupsPath
.linux.cgroupsPath="a.slice:b:c" => needs systemd
.linux.resources.devices=[{allow:true,type:"z",access:"r"}] => linux.resources.devices[0]: type: "z"
.linux.resources.devices=[{allow:true,type:"c",access:"q"}] => linux.resources.devices[0]: access: "q"
.linux.seccomp={defaultAction:"SCMP_ACT_ODD"} => linux.seccomp: defaultAction: unknown action "SCMP_ACT_ODD"
.linux.rootfsPropagation="odd" => linux.rootfsPropagation
.root.path="/no/such/rootfs" => root.path: /no/such/rootfs
.process.selinuxLabel="x" => process.selinuxLabel: "x": selinux label is specified in config, but selinux is disabled
.linux.mountLabel="x" => linux.mountLabel: "x": selinux label is specified
.linux.intelRdt={} => linux.intelRdt: is specified, but Intel RDT is not supported or enabled
.linux.intelRdt={closID:"../x"} => linux.intelRdt: closID: "../x": not the name of a class
LIST
    echo '{"process":' >"$T/c/config.json"
    run R create --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *config.json* ]]
    run R --systemd-cgroup list
    [ "$status" = 1 ]
    [[ $output == *--systemd-cgroup* ]]
    run R nonsense
    [ "$status" = 1 ]
    run R state
    [ "$status" = 1 ]
}

@test "spec and features are what they should be" {
    mkdir "$T/s"
    R spec --bundle "$T/s"
    run R spec --bundle "$T/s"
    [ "$status" = 1 ]
    [ "$(jq -r .process.noNewPrivileges "$T/s/config.json")" = true ]
    [ "$(R features | jq -r '.linux.namespaces | length')" = 8 ]
    [ "$(R features | jq -r '.linux.capabilities | length')" -ge 40 ]
    R --version | grep -q '^spec: 1\.'
}

@test "killed at any moment, what create leaves is removed by delete --force" {
    bundle c ".process.args=[\"sleep\",\"1000\",\"$$\"]" # nobody else's
    local i
    for i in $(seq 1 25); do
        timeout -s KILL "0.00$((i % 10))$((i * 7 % 10))" "$WHERRY_BIN/wherry-runtime" --root "$T/root" create --bundle "$T/c" "k$i" 2>/dev/null || :
        R delete --force "k$i"
    done
    # what it leaves: looked for by teardown
    until_true eval '! pgrep -f "sleep 1000 $$"'
}

@test "descriptors: none leak in, --preserve-fds and LISTEN_FDS pass" {
    in_container . 'ls /proc/self/fd | wc -l; echo x >&9' 9>"$T/nine"
    [ "${lines[0]}" = 4 ] # and the one that ls reads with
    export SCRIPT='cat <&3; echo $LISTEN_FDS $LISTEN_PID; ls /proc/self/fd | wc -l'
    bundle c '.process.args=["sh","-c",$ENV.SCRIPT]'
    echo from-three >"$T/three"
    run "$WHERRY_BIN/wherry-runtime" --root "$T/root" run --preserve-fds 1 --bundle "$T/c" c 3<"$T/three"
    [ "${lines[0]}" = from-three ]
    LISTEN_FDS=1 run "$WHERRY_BIN/wherry-runtime" --root "$T/root" run --bundle "$T/c" c 3<"$T/three"
    [ "${lines[1]}" = "1 1" ]
}

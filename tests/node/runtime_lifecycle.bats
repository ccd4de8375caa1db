#!/usr/bin/env bats
# The life of a container as the specification has it: which operation is allowed when, what hooks are told and when,
# and what the failure of each of them means.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

# fails TEXT COMMAND...
fails() {
    local want=$1
    shift
    run "$@"
    [ "$status" != 0 ] && [[ $output == *"$want"* ]] || { echo "$*: status $status: $output, not: $want"; return 1; }
}

@test "the state machine: what each operation says in each state" {
    local op
    for op in state start kill delete pause resume; do fails "does not exist" R $op nobody; done
    fails "does not exist" R exec nobody true
    R delete --force nobody
    bundle c "$sleeper"
    fails "" R create c # no bundle here
    R create --bundle "$T/c" c
    [ "$(status_of c)" = created ]
    fails "already exists" R create --bundle "$T/c" c
    fails "already exists" R run --bundle "$T/c" c
    # changes of the file after create mean nothing
    jq '.process.args=["false"]' "$T/c/config.json" >"$T/n" && cat "$T/n" >"$T/c/config.json"
    R start c
    [ "$(status_of c)" = running ]
    fails "cannot start a" R start c
    fails "that is not stopped: running" R delete c
    [ "$(status_of c)" = running ]
    R pause c
    [ "$(status_of c)" = paused ]
    fails "cannot start a" R start c
    fails "that is not stopped: paused" R delete c
    fails paused R exec c true
    R resume c
    [ "$(status_of c)" = running ]
    R kill c KILL
    until_true eval '[ "$(status_of c)" = stopped ]'
    [ "$(R state c | jq 'has("pid") and .pid!=0')" = false ]
    fails "cannot start a" R start c
    fails "" R exec c true
    fails "" R kill c TERM
    fails "already exists" R create --bundle "$T/c" c
    R delete c
    fails "does not exist" R delete c
    # killed before its start
    bundle c "$sleeper"
    R create --bundle "$T/c" c
    R kill c KILL
    until_true eval '[ "$(status_of c)" = stopped ]'
    fails "cannot start a" R start c
    R delete c
}

@test "state: the specification's members, and the annotations" {
    bundle c "$sleeper | .annotations={\"org.x\":\"y\"}"
    R create --bundle "$T/c" --pid-file "$T/pid" c
    local s
    s=$(R state c)
    [ "$(jq -r '[.ociVersion,.id,.status,.bundle,.annotations["org.x"]]|join(" ")' <<<"$s")" = "1.2.0 c created $T/c y" ] ||
        [[ "$(jq -r '[.id,.status,.bundle,.annotations["org.x"]]|join(" ")' <<<"$s")" == "c created $T/c y" ]]
    [ "$(jq -r .pid <<<"$s")" = "$(cat "$T/pid")" ]
    [ "$(jq -r '.ociVersion' <<<"$s" | cut -d. -f1)" = 1 ]
}

# Hooks that write what they are told, to $T/log: NAME, the pid's host view, the state.
hook() { # NAME [SCRIPT]
    echo "[{path:\"/bin/sh\",args:[\"sh\",\"-c\",\"cat >$T/state.$1; echo $1 >>$T/log; ${2:-true}\"]}]"
}

@test "hooks: their order, the state on stdin, environment, arguments, where they stand" {
    # those inside find /bin/sh and $T there
    bundle c "$sleeper | .annotations={k:\"v\"} | .mounts+=[{destination:\"$T\",type:\"bind\",source:\"$T\",options:[\"bind\"]}] | .root.readonly=false | .hooks={
        prestart:($(hook prestart1)+$(hook prestart2)),createRuntime:$(hook createRuntime),createContainer:$(hook createContainer 'readlink /proc/self/ns/mnt >>'"$T/mnt"),
        startContainer:$(hook startContainer 'pwd >>'"$T/pwd; readlink /proc/self/ns/mnt >>$T/mnt"),poststart:$(hook poststart),poststop:($(hook poststop1 'exit 7')+$(hook poststop2))}"
    R create --bundle "$T/c" c
    [ "$(tr '\n' ' ' <"$T/log")" = "prestart1 prestart2 createRuntime createContainer " ]
    local pid n
    pid=$(pid_of c)
    R start c
    [ "$(tail -n +5 "$T/log" | tr '\n' ' ')" = "startContainer poststart " ]
    for n in prestart1 createRuntime createContainer startContainer poststart; do
        [ "$(jq -r '[.id,.bundle,.pid,.annotations.k]|join(" ")' "$T/state.$n")" = "c $T/c $pid v" ] || { cat "$T/state.$n"; return 1; }
        [ "$(jq -r .ociVersion "$T/state.$n")" = "$(R state c | jq -r .ociVersion)" ]
    done
    [ "$(jq -r .status "$T/state.createContainer") $(jq -r .status "$T/state.startContainer") $(jq -r .status "$T/state.poststart")" = "creating created running" ]
    [ "$(sort -u "$T/mnt")" = "$(readlink "/proc/$pid/ns/mnt")" ]
    [ "$(cat "$T/pwd")" = / ]
    R kill c KILL
    until_true eval '[ "$(status_of c)" = stopped ]'
    run R delete c # one that fails is a warning, and the next runs
    [ "$status" = 0 ]
    [[ $output == *"error running poststop hook #0: /bin/sh: exit status 7"* ]]
    [ "$(tail -2 "$T/log" | tr '\n' ' ')" = "poststop1 poststop2 " ]
    [ "$(jq -r '.status' "$T/state.poststop2")" = stopped ]
}

@test "hooks inside find the rootfs at its path, with what is mounted there; so do later mounts" {
    ROOTFS=$T/fs
    make_rootfs "$ROOTFS"
    mkdir "$T/src" "$ROOTFS/mnt" "$ROOTFS/final"
    echo mounted >"$T/src/f"
    bundle c ".process.args=[\"cat\",\"/mnt/f\",\"/final/f\"] | .mounts+=[{destination:\"/mnt\",type:\"bind\",source:\"$T/src\",options:[\"bind\"]},
        {destination:\"/final\",type:\"bind\",source:\"$ROOTFS/mnt\",options:[\"bind\"]}] | .hooks={createContainer:[{path:\"/bin/sh\",args:[\"sh\",\"-c\",\"cat $ROOTFS/mnt/f >$T/seen; grep -c ' $ROOTFS' /proc/self/mountinfo >>$T/seen\"]}]}"
    run R run --bundle "$T/c" c
    [ "$output" = "mounted
mounted" ]
    [ "$(head -1 "$T/seen")" = mounted ] && [ "$(tail -1 "$T/seen")" -gt 5 ]
    [ -z "$(ls -A "$ROOTFS/mnt")" ]
}

@test "hooks of startContainer have the filter and, without one of their own, the environment of the process" {
    local filter='.process.noNewPrivileges=false | .process.args=["mkdir","/dev/shm/its"] | .linux.seccomp={defaultAction:"SCMP_ACT_ALLOW",syscalls:[{names:["mkdir","mkdirat"],action:"SCMP_ACT_KILL"}]}'
    bundle c "$filter | .hooks={startContainer:[{path:\"/bin/mkdir\",args:[\"mkdir\",\"/dev/shm/it\"]}]}"
    fails "error running startContainer hook #0: /bin/mkdir: signal: bad system call" R run --bundle "$T/c" c
    bundle c ".process.env=[\"ONE=two\"] | .process.args=[\"/bin/true\"] | .hooks={startContainer:[{path:\"/bin/sh\",args:[\"sh\",\"-c\",\"echo only \$ONE\$OWN; false\"],env:[\"OWN=1\"]}]}"
    fails "exit status 1: only 1" R run --bundle "$T/c" c
    jq 'del(.hooks.startContainer[0].env) | .hooks.startContainer[0].args[2]="echo $ONE $HOME; false"' "$T/c/config.json" >"$T/n" && cat "$T/n" >"$T/c/config.json"
    fails "exit status 1: two /root" R run --bundle "$T/c" c
}

@test "run: its --pid-file stays" {
    bundle c '.process.args=["true"]'
    R run --pid-file "$T/pid" --bundle "$T/c" c
    [[ $(cat "$T/pid") =~ ^[0-9]+$ ]]
}

@test "hooks that fail: of create and run nothing is left, and poststop hears of it" {
    local h
    for h in prestart createRuntime createContainer; do
        : >"$T/log"
        bundle c "$sleeper | .mounts+=[{destination:\"$T\",type:\"bind\",source:\"$T\",options:[\"bind\"]}] | .root.readonly=false | .hooks={$h:($(hook first 'echo because >&2; exit 3')+$(hook second)),poststop:$(hook poststop)}"
        fails "error running $h hook #0: /bin/sh: exit status 3: because" R create --bundle "$T/c" c
        [ "$(tr '\n' ' ' <"$T/log")" = "first poststop " ]
        fails "does not exist" R state c
        [ -z "$(cgroups_left)" ]
    done
    # startContainer: the program never runs, and the container is stopped
    bundle c ".process.args=[\"sh\",\"-c\",\"echo ran >$T/ran\"] | .mounts+=[{destination:\"$T\",type:\"bind\",source:\"$T\",options:[\"bind\"]}] | .root.readonly=false | .hooks={startContainer:$(hook x 'exit 3')}"
    R create --bundle "$T/c" c
    fails "error running startContainer hook #0: /bin/sh: exit status 3" R start c
    until_true eval '[ "$(status_of c)" = stopped ]'
    R delete c
    [ ! -e "$T/ran" ]
    # poststart: the container is stopped, by start, or gone, by run
    bundle c "$sleeper | .hooks={poststart:$(hook x 'exit 3')}"
    R create --bundle "$T/c" c
    fails "error running poststart hook #0: /bin/sh: exit status 3" R start c
    until_true eval '[ "$(status_of c)" = stopped ]'
    R delete c
    fails "error running poststart hook #0" R run --detach --bundle "$T/c" c
    fails "does not exist" R state c
}

@test "hooks that are no programs, relative, or too slow" {
    bundle c "$sleeper | .hooks={createRuntime:[{path:\"/no/such\"}]}"
    fails "error running createRuntime hook #0: start /no/such: no such file" R create --bundle "$T/c" c
    bundle c "$sleeper | .hooks={createRuntime:[{path:\"bin/true\"}]}"
    fails 'error running createRuntime hook #0: path: "bin/true": must be absolute' R create --bundle "$T/c" c
    bundle c "$sleeper | .hooks={createRuntime:[{path:\"/bin/sleep\",args:[\"sleep\",\"1000\"],timeout:1}]}"
    fails "error running createRuntime hook #0: /bin/sleep: still running after 1 s" R create --bundle "$T/c" c
    bundle c "$sleeper | .hooks={createRuntime:[{path:\"/bin/true\",timeout:0}]}"
    fails "timeout: 0" R create --bundle "$T/c" c
    bundle c "$sleeper | .hooks={createRuntime:[{args:[\"x\"]}]}"
    fails "hooks.createRuntime[0].path" R create --bundle "$T/c" c
    fails "does not exist" R state c
}

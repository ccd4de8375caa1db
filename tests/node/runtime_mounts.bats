#!/usr/bin/env bats
# mounts add and remove: other mounts for a container that runs.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() {
    runtime_setup
    ROOTFS=$T/fs
    make_rootfs "$ROOTFS"
    mkdir -p "$T/src/sub" "$T/host"
    echo one >"$T/src/one"
    echo file >"$T/file"
}
teardown() { runtime_teardown; }

mounts() { # add|remove JSON
    echo "$2" >"$T/mounts.json"
    R mounts "$1" c "$T/mounts.json"
}

@test "mounts add, and remove: folders, files, new file systems, options" {
    bundle c "$sleeper | .root.readonly=false"
    R run -d --bundle "$T/c" c
    mounts add "[{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"$T/src\",\"options\":[\"rbind\",\"ro\"]},
        {\"destination\":\"/new/file\",\"type\":\"bind\",\"source\":\"$T/file\",\"options\":[\"bind\"]},
        {\"destination\":\"/mem\",\"type\":\"tmpfs\",\"source\":\"t\",\"options\":[\"size=1m\",\"nosuid\"]}]"
    [ "$(R exec c cat /data/one /new/file)" = "one
file" ]
    run R exec c touch /data/x
    [[ $output == *"Read-only"* ]]
    R exec c sh -c 'grep " /mem " /proc/self/mountinfo; touch /mem/x' | grep -q 'nosuid.*size=1024k'
    ! grep -e "$T/fs" -e "$T/src" /proc/self/mountinfo # the host sees none of it
    mounts remove '{"mounts":[{"destination":"/data"},{"destination":"/new/file"},{"destination":"/mem"}]}'
    run R exec c sh -c 'ls -A /data /mem; cat /new/file; grep -cE " /(data|mem|new)" /proc/self/mountinfo'
    [[ $output != *one* && $output != *file$'\n'* && ${lines[-1]} = 0 ]]
}

@test "mounts add in a user namespace" {
    bundle c "$sleeper | .root.readonly=false | .linux.namespaces+=[{type:\"user\"}] |
        .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=.linux.uidMappings | .mounts|=map(select(.type!=\"cgroup\"))"
    chown -R 100000:100000 "$ROOTFS"
    chmod 755 "$T" "$T/fs"
    R run -d --bundle "$T/c" c
    mounts add "[{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"$T/src\",\"options\":[\"rbind\"]},{\"destination\":\"/mem\",\"type\":\"tmpfs\",\"source\":\"t\"}]"
    [ "$(R exec c sh -c 'cat /data/one; touch /mem/x && echo wrote')" = "one
wrote" ]
    mounts remove '[{"destination":"/data"},{"destination":"/mem"}]'
    [ -z "$(R exec c ls /data)" ]
}

@test "mounts: what leads out of the container leads nowhere" {
    mkdir "$T/canary"
    bundle c "$sleeper | .root.readonly=false"
    R run -d --bundle "$T/c" c
    R exec c ln -s "../../../../../..$T/canary" /out
    R exec c ln -s /proc/1/root /magic
    mounts add "[{\"destination\":\"/out\",\"type\":\"bind\",\"source\":\"$T/src\",\"options\":[\"bind\"]}]"
    [ -z "$(ls -A "$T/canary")" ]
    [ "$(R exec c cat "$T/canary/one")" = one ] # a folder of that name inside
    local line text
    while IFS='|' read -r line text; do
        run mounts add "[$line]"
        [ "$status" = 1 ]
        [[ $output == *"$text"* ]] || { echo "$line: $output"; return 1; }
    done <<LIST
{"destination":"/magic/x","type":"tmpfs"}|mounts add: mounts[0]
{"destination":"/proc","type":"bind","source":"$T/src","options":["bind"]}|/proc must be a procfs
{"destination":"/c","type":"cgroup"}|not in a running container
{"destination":"/x","type":"bind","source":"$T/none","options":["bind"]}|no such file or directory
{"destination":"/x","type":"bind","source":"$T/src","options":["bind","odd"]}|options: "odd"
"x"|mounts
LIST
    run mounts remove '[{"destination":"/etc"}]'
    [ "$status" = 1 ]
    [[ $output == *"/etc: nothing is mounted there"* ]]
    run R mounts swap c "$T/mounts.json"
    [[ $output == *"must be add or remove"* ]]
    R kill c KILL
    until_true eval '[ "$(status_of c)" = stopped ]'
    run mounts add '[]'
    [[ $output == *"container not running"* ]]
}

#!/usr/bin/env bats
# checkpoint and restore. CRIU itself does not work on every kernel (3.17 gives up on the vDSO of Linux 6.18), so what is
# tested is our half: what it is asked, and what stands around the processes that it makes. A program of ours speaks its
# protocol (runtime_criu.c).

load runtime.bash

setup_file() {
    runtime_setup_file
    mkdir "$BATS_FILE_TMPDIR/fake"
    gcc -O1 -o "$BATS_FILE_TMPDIR/fake/criu" "$BATS_TEST_DIRNAME/runtime_criu.c"
}
setup() {
    runtime_setup
    export FAKE_CRIU_LOG=$T/asked PATH=$BATS_FILE_TMPDIR/fake:$PATH
    mkdir "$T/src"
}
teardown() { runtime_teardown; }

run_c() { # a container with what CRIU must be told of
    bundle c "$sleeper | .mounts+=[{destination:\"/data\",type:\"bind\",source:\"$T/src\",options:[\"rbind\"]}]"
    R run -d --bundle "$T/c" "$@" c </dev/null
}

# asked LINE...: each was
asked() {
    local line
    for line; do
        grep -qxF -e "$line" "$T/asked" || { echo "not asked: $line"; cat "$T/asked"; return 1; }
    done
}

@test "checkpoint: what CRIU is asked, and what is left" {
    run_c
    local pid
    pid=$(pid_of c)
    R checkpoint --image-path "$T/images" --work-path "$T/work" --tcp-established --ext-unix-sk --shell-job --file-locks \
        --link-remap --tcp-skip-in-flight --auto-dedup --empty-ns network --manage-cgroups-mode strict \
        --page-server 127.0.0.1:99 --network-lock nftables c
    asked "1 1" "2.2 $pid" "2.4 1" "2.5 1" "2.7 1" "2.8 1" "2.9 4" "2.10 dump.log" "2.11 127.0.0.1,99" "2.12 1" "2.13 $ROOTFS" \
        "2.16 1" "2.18 1" "2.23 /data,/data" "2.23 /proc/keys,/dev/null" "2.24 1" "2.34 5" "2.38 $((0x40000000))" "2.46 1" \
        "2.50 1" "2.51 /etc/criu/runc.conf" "2.64 2" "network-lock done" "post-dump done"
    grep -q "^2.17 " "$T/asked"
    if is_v2; then asked "2.44 /sys/fs/cgroup/$CG/c"; else asked "2.44 /sys/fs/cgroup/freezer/$CG/c" "2.23 /sys/fs/cgroup/pids,/sys/fs/cgroup/pids"; fi
    ! grep -E '^2\.(3|14|48) ' "$T/asked"
    [ "$(cat "$T/images/fake.img")" = saved ]
    jq -e '.[0]=="/dev/null" and length==3' "$T/images/descriptors.json"
    [ -z "$(R list -q)" ]
    [ -z "$(cgroups_left)" ]
}

@test "checkpoint: --leave-running, --pre-dump and what they build on" {
    run_c
    R checkpoint --image-path "$T/one" --pre-dump c
    asked "1 9" "5.1 1" "1 4"
    [ "$(status_of c)" = running ]
    ! grep '^2.23 ' "$T/asked"
    R checkpoint --image-path "$T/two" --parent-path ../one --leave-running c
    asked "1 1" "2.3 1" "2.14 ../one" "2.15 1"
    [ "$(status_of c)" = running ]
    R pause c
    R checkpoint --image-path "$T/three" --leave-running c
    local line text
    while IFS='|' read -r line text; do
        # shellcheck disable=SC2086
        run R checkpoint --image-path "$T/four" $line c
        [ "$status" = 1 ]
        [[ $output == *"$text"* ]] || { echo "$line: $output"; return 1; }
    done <<LIST
--lazy-pages|criu is missing features: LazyPages
--parent-path /x|must be relative
--parent-path ../none|no such file or directory
--manage-cgroups-mode odd|invalid manage-cgroups-mode value
--empty-ns mount|only network
--page-server 1234|must be ADDRESS:PORT
--status-fd 77|invalid --status-fd argument 77
LIST
    [ "$(status_of c)" = paused ]
}

@test "checkpoint: states that it is not for; CRIU that refuses, and that is not there" {
    bundle c "$sleeper"
    R create --bundle "$T/c" c
    run R checkpoint --image-path "$T/images" c
    [ "$status" = 1 ]
    [[ $output == *"Container cannot be checkpointed in created state"* ]]
    R start c
    FAKE_CRIU_FAIL=1 run R checkpoint --image-path "$T/images" c
    [ "$status" = 1 ]
    [[ $output == *"dump.log: (00.01) Error (fake.c:1): told to fail"*"criu failed: type DUMP errno 52"* ]]
    [ "$(status_of c)" = running ]
    PATH=/nowhere run "$WHERRY_BIN/wherry-runtime" --root "$T/root" checkpoint --image-path "$T/images" c
    [ "$status" = 1 ]
    [[ $output == *'criu: not found in $PATH'* ]]
    run R restore --image-path "$T/none" --bundle "$T/c" d
    [ "$status" = 1 ]
    [[ $output == *"--image-path: open $T/none: no such file or directory"* ]]
    [ "$(R list -q)" = c ]
}

@test "restore --detach: record, cgroups, mounts, hooks" {
    run_c
    R checkpoint --image-path "$T/images" c
    rm "$T/asked"
    mkdir "$T/fs" "$T/fs/proc" "$T/other"
    printf '#!/bin/sh\ncat >%s/hook\n' "$T" >"$T/hook.sh"
    chmod 755 "$T/hook.sh"
    bundle c "$sleeper | .root.path=\"$T/fs\" | .mounts+=[{destination:\"/data/deep\",type:\"bind\",source:\"$T/other\",options:[\"rbind\"]}] |
        .hooks.createRuntime=[{path:\"$T/hook.sh\"}] | .linux.resources.pids.limit=33 | .annotations[\"org.criu.config\"]=\"/x.conf\""
    R restore --detach --image-path "$T/images" --bundle "$T/c" --pid-file "$T/pid" --tcp-close --lsm-profile apparmor:x \
        --lsm-mount-context ctx c </dev/null
    asked "1 2" "2.6 1" "2.10 restore.log" "2.13 $T/root/c/criu-root" "2.23 /data/deep,$T/other" "2.23 /dev/null,/dev/null" "2.26 1" \
        "2.34 6" "2.51 /x.conf" "2.52 1" "2.53 apparmor:x" "2.63 ctx" "setup-namespaces done" "post-restore done"
    if is_v2; then asked "2.25 ,/$CG/c"; else asked "2.25 pids,/$CG/c" "2.25 cpu,/$CG/c" "2.25 name=systemd,/$CG/c"; fi
    [ "$(status_of c)" = running ]
    [ "$(pid_of c)" = "$(cat "$T/pid")" ]
    [ "$(jq .pid "$T/hook")" = "$(cat "$T/pid")" ]
    [ "$(R ps -f json c)" = "[$(cat "$T/pid")]" ]
    [ "$(cat "$(cg_file pids pids.max)")" = 33 ]
    [ -d "$T/fs/data/deep" ] # the place to mount on
    ! grep criu-root /proc/self/mountinfo
    R kill c KILL
    until_true eval '[ "$(status_of c)" = stopped ]'
    R delete c
}

@test "restore in the foreground; one that fails leaves nothing" {
    run_c
    R checkpoint --image-path "$T/images" c
    echo '["/dev/null","pipe:[123]","pipe:[124]"]' >"$T/images/descriptors.json"
    rm "$T/asked"
    "$WHERRY_BIN/wherry-runtime" --root "$T/root" restore --image-path "$T/images" --bundle "$T/c" c </dev/null 3>&- &
    local runtime=$! rc=0
    until_true eval '[ "$(status_of c)" = running ]'
    asked "2.27 pipe:[123],1" "2.27 pipe:[124],2"
    kill -TERM $runtime # goes on to it
    wait $runtime || rc=$?
    [ "$rc" = 143 ]
    [ -z "$(R list -q)" ]
    FAKE_CRIU_FAIL=1 run R restore -d --image-path "$T/images" --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *"restore.log: (00.01) Error"*"criu failed: type RESTORE"* ]]
    bundle c "$sleeper | .hooks.createRuntime=[{path:\"/bin/false\"}]"
    run R restore -d --image-path "$T/images" --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *createRuntime* ]]
    [ -z "$(R list -q)" ]
    [ -z "$(cgroups_left)" ]
}

@test "namespaces that were given are named at both ends" {
    unshare -n sleep 1000 3>&- &
    local other=$! ino
    until_true eval '[ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
    ino=$(stat -Lc %i "/proc/$other/ns/net")
    bundle c "$sleeper | .linux.namespaces|=map(if .type==\"network\" then .path=\"/proc/$other/ns/net\" else . end)"
    R run -d --bundle "$T/c" c </dev/null
    R checkpoint --image-path "$T/images" c
    asked "2.37 net[$ino]:extRootNetNS"
    R restore -d --image-path "$T/images" --bundle "$T/c" c </dev/null
    asked "2.27 extRootNetNS,4"
    R delete --force c
    kill "$other"
}

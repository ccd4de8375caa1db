# The shim: the Pod's namespaces, mounts, sysctls, and what is left when it is killed.
load shim.bash

setup_file() { shim_build_client; }
setup() { shim_prepare; }
teardown() { shim_teardown; }

in_pod() { nsenter -t "$SHIM" -n -i -u "$@"; }

@test "namespaces of its own, a host name, sysctls with their defaults" {
    shim_begin '{"sysctls":{"net.ipv4.ip_forward":"1","kernel.shm_rmid_forced":"1","net/ipv4/conf/lo/forwarding":"1"}}'
    for ns in net ipc uts mnt; do
        [ "$(readlink "/proc/$SHIM/ns/$ns")" != "$(readlink /proc/self/ns/$ns)" ]
    done
    [ "$(readlink "/proc/$SHIM/ns/pid")" = "$(readlink /proc/self/ns/pid)" ]
    [ "$(in_pod hostname)" = web-0 ]
    [ "$(in_pod cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
    [ "$(in_pod cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" = 0 ]
    [ "$(in_pod cat /proc/sys/net/ipv4/ping_group_range | tr -s '\t' ' ')" = "0 2147483647" ]
    [ "$(in_pod cat /proc/sys/kernel/shm_rmid_forced)" = 1 ]
    [ "$(cat /proc/sys/kernel/shm_rmid_forced)" = 0 ]
    # a container sees them
    shim_config "$(id 1)" sh -c 'hostname; cat /proc/sys/net/ipv4/ip_forward'
    shim_start_container "$(id 1)"
    ctl wait "$(id 1)"
    [ "$(log_of 1 | cut -d' ' -f4 | tr '\n' ' ')" = "web-0 1 " ]
}

@test "the host's namespaces where the Pod says so" {
    shim_begin '{"hostNetwork":true,"hostIPC":true,"hostname":null}'
    for ns in net ipc uts; do
        [ "$(readlink "/proc/$SHIM/ns/$ns")" = "$(readlink /proc/self/ns/$ns)" ]
    done
    [ ! -e "$POD/shm" ]
    [ "$(jq .pid "$POD/shim.json")" = "$SHIM" ]
}

@test "what is refused leaves nothing and is named" {
    local core before
    core=$(cat /proc/sys/kernel/core_pattern)
    for bad in '{"sysctls":{"kernel.core_pattern":"x"}}' '{"sysctls":{"net.ipv4.ip_forward":"1+kernel.core_pattern=x"}}' \
        '{"sysctls":{"net/../kernel/core_pattern":"x"}}' '{"hostNetwork":true,"sysctls":{"net.ipv4.ip_forward":"1"}}' \
        '{"sysctls":{"net.ipv4.no_such_thing":"1"}}' '{"hostname":"'"$(printf '%065d' 0)"'"}' '{"cgroup":"a/../b"}' '{"shmBytes":-1}' '{"uid":7}'; do
        run shim_run "$bad"
        [ -n "$output" ]
        [ ! -e "$POD/shim.sock" ]
        [ ! -e "$POD/shim.json" ]
    done
    [[ "$output" == *"uid"* ]]
    echo '{' >"$POD/sandbox.json"
    run "$WHERRY_BIN/wherry-shim" --run-dir "$POD" --runtime "$RUNTIME" --runtime-root "$T/run/runtime" 3>&-
    [ "$status" = 1 ]
    [ "$(cat /proc/sys/kernel/core_pattern)" = "$core" ]
    rm "$POD/sandbox.json"
    run "$WHERRY_BIN/wherry-shim" --run-dir "$POD" --runtime "$RUNTIME" --runtime-root "$T/run/runtime" 3>&-
    [[ "$output" == *sandbox.json* ]]
    run "$WHERRY_BIN/wherry-shim" --run-dir relative --runtime "$RUNTIME" --runtime-root "$T" 3>&-
    [[ "$output" == *--run-dir* ]]
}

@test "a second shim for the same Pod is refused, the first goes on" {
    shim_begin
    run shim_run
    [[ "$output" == *"shim.sock"* ]]
    ctl call '{"op":"state"}' | jq -e ".pid == $SHIM"
}

@test "/dev/shm is the Pod's, of the size it asks for" {
    shim_begin '{"shmBytes":1048576}'
    for i in 1 2; do
        CONFIG='.mounts += [{destination: "/dev/shm", type: "bind", source: "'"$POD"'/shm", options: ["rbind"]}]' \
            shim_config "$(id $i)" sh -c "cat /dev/shm/* 2>/dev/null; echo from $i >/dev/shm/$i; dd if=/dev/zero of=/dev/shm/big bs=1M count=2 2>/dev/null || echo full"
        shim_start_container "$(id $i)"
        ctl wait "$(id $i)"
    done
    log_of 1 | grep -q 'F full$'
    log_of 2 | grep -aq 'F from 1$'
    [ -z "$(ls -A "$POD/shm")" ]
    [ "$(host_mounts)" = 0 ]
}

@test "memory volumes: in the Pod, filled from outside, not on the host" {
    shim_begin
    ctl call '{"op":"mount","mounts":[{"type":"tmpfs","target":"'"$T"'/vol/a","options":"size=65536,mode=0750"},{"type":"tmpfs","target":"'"$T"'/vol/b","options":"noexec"}]}'
    ctl call '{"op":"mount","mounts":[{"type":"tmpfs","target":"'"$T"'/vol/a","options":"size=65536,mode=0750"}]}'
    [ "$(grep -c "$T/vol/a" "/proc/$SHIM/mountinfo")" = 1 ]
    echo secret >"/proc/$SHIM/root/$T/vol/a/file"
    [ ! -e "$T/vol/a/file" ]
    [ "$(host_mounts)" = 0 ]
    CONFIG='.mounts += [{destination: "/vol", type: "bind", source: "'"$T"'/vol/a", options: ["rbind"]}]' shim_config "$(id 1)" cat /vol/file
    shim_start_container "$(id 1)"
    ctl wait "$(id 1)"
    log_of 1 | grep -q 'F secret$'
    run ctl call '{"op":"mount","mounts":[{"type":"tmpfs","target":"'"$T"'/vol/c","options":"size=1,suid"}]}'
    [[ "$output" == *'mounts[0]'*suid* ]]
    run ctl call '{"op":"mount","mounts":[{"type":"ext4","target":"'"$T"'/vol/c"}]}'
    [[ "$output" == *'ext4'* ]]
    run ctl call '{"op":"mount","mounts":[{"type":"tmpfs","target":"relative"}]}'
    [[ "$output" == *'target'* ]]
}

@test "mounts of the host appear in the Pod later, not the other way round" {
    # in a mount namespace of its own, where / is shared as systemd has it
    cat >"$T/inner" <<-'INNER'
	set -eu
	mount --make-rshared /
	export T POD WHERRY_BIN RUNTIME CGROUP
	load() { :; }
	. "$1/shim.bash"
	ready=$(shim_run)
	[ -z "$ready" ]
	pid=$(jq .pid "$POD/shim.json")
	mkdir -p "$T/late"
	mount -t tmpfs late "$T/late"
	grep -q "$T/late" "/proc/$pid/mountinfo"
	! grep -q "$POD/shm" /proc/self/mountinfo
	kill -TERM "$pid"
	timeout 30 tail --pid="$pid" -f /dev/null
	INNER
    T=$T POD=$POD CGROUP=$CGROUP RUNTIME=$RUNTIME WHERRY_BIN=$WHERRY_BIN unshare -m bash "$T/inner" "$BATS_TEST_DIRNAME"
}

@test "a shared PID namespace: pause is 1, has nothing, and reaps" {
    shim_begin '{"shareProcessNamespace":true}'
    pause=$(jq .pausePid "$POD/shim.json")
    [ "$(cat "/proc/$pause/comm")" = pause ]
    [ "$(tr -d '\0' <"/proc/$pause/cmdline")" = pause ]
    [ "$(awk '/^CapEff/ {print $2}' "/proc/$pause/status")" = 0000000000000000 ]
    [ "$(awk '/^CapBnd/ {print $2}' "/proc/$pause/status")" = 0000000000000000 ]
    [ "$(awk '/^Uid/ {print $2}' "/proc/$pause/status")" = 65535 ]
    [ "$(awk '/^NoNewPrivs/ {print $2}' "/proc/$pause/status")" = 1 ]
    [ -z "$(ls "/proc/$pause/fd")" ]
    [ -z "$(ls "/proc/$pause/root/")" ]
    local pidns='.linux.namespaces = [{type: "mount"}, {type: "pid", path: "/proc/'"$pause"'/ns/pid"}]'
    CONFIG=$pidns shim_config "$(id 1)" sh -c '(sleep 0.2 &) ; sleep 1000'
    CONFIG=$pidns shim_config "$(id 2)" sh -c 'sleep 0.5; ps -o pid,args | grep -e pause -e sleep; ps -o stat | grep -c Z'
    shim_start_container "$(id 1)"
    shim_start_container "$(id 2)"
    ctl wait "$(id 2)"
    log_of 2 | grep -qE ' 1 pause$'
    log_of 2 | grep -q 'sleep 1000'
    [ "$(log_of 2 | tail -n 1 | cut -d' ' -f4)" = 0 ]
    # what a container leaves behind in the shared namespace goes with it
    CONFIG=$pidns shim_config "$(id 3)" sh -c 'sleep 777 & exit 0'
    shim_start_container "$(id 3)"
    ctl wait "$(id 3)"
    ctl call "{\"op\":\"delete\",\"id\":\"$(id 3)\"}"
    ! nsenter -t "$pause" -p -- pgrep -f 'sleep 777'
    ctl call '{"op":"state"}' | jq -e '.containers | length == 2'
}

@test "kill -9: no mount, no pause, and the rest is in one cgroup" {
    shim_begin '{"shareProcessNamespace":true}'
    pause=$(jq .pausePid "$POD/shim.json")
    shim_config "$(id 1)" sleep 1000
    pid=$(shim_start_container "$(id 1)" | jq .pid)
    kill -9 "$SHIM"
    shim_gone
    timeout 10 tail --pid="$pause" -f /dev/null
    [ "$(host_mounts)" = 0 ]
    jq -e ".pid == $SHIM and .startTime > 0 and .containers[0].pid == $pid" "$POD/shim.json"
    # what a kubelet does then
    grep -q "$CGROUP" "/proc/$pid/cgroup"
    kill -9 "$pid"
    timeout 10 tail --pid="$pid" -f /dev/null
    "$RUNTIME" --root "$T/run/runtime" delete --force "$(id 1)"
    rm -rf "$POD"/containers/* "$POD/shim.json" "$POD/shim.sock" "$POD/shm" "$T/upper" "$T/work"
    # and another one takes its place
    shim_begin
    [ "$(shim_run_container 2 true)" = 0 ]
}

@test "kill -9 while containers start: another shim can be started, nothing stays mounted" {
    shim_begin
    for i in 1 2 3 4; do
        shim_config "$(id $i)" sleep 1000
        shim_start_container "$(id $i)" >/dev/null 2>&1 &
    done
    kill -9 "$SHIM"
    wait
    shim_gone
    [ "$(host_mounts)" = 0 ]
    local p
    for i in 1 2 3 4 5; do
        for p in $(find /sys/fs/cgroup -path "*$CGROUP/*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u); do
            kill -9 "$p" 2>/dev/null || true
        done
        sleep 0.2
    done
    for i in 1 2 3 4; do
        "$RUNTIME" --root "$T/run/runtime" delete --force "$(id $i)" 2>/dev/null || true
    done
    find /sys/fs/cgroup -mindepth 2 -depth -type d -path "*$CGROUP/*" -exec rmdir {} + 2>/dev/null || true
    rm -rf "$POD"/containers/* "$POD/shim.json" "$POD/shim.sock" "$POD/shm" "$T/upper" "$T/work" "$T/run/runtime"
    shim_begin
    [ "$(shim_run_container 9 true)" = 0 ]
}

@test "its memory (printed, not judged)" {
    shim_begin
    for i in 1 2 3; do
        shim_config "$(id $i)" sleep 1000
        shim_start_container "$(id $i)" >/dev/null
    done
    awk '/^(Rss|Pss|Pss_Anon|Private_Dirty):/ {printf "# %s %s kB\n", $1, $2}' "/proc/$SHIM/smaps_rollup" >&3
    # it sleeps: not one switch in a second
    before=$(awk '/ctxt_switches/ {n += $2} END {print n}' "/proc/$SHIM/status")
    sleep 1
    [ "$(awk '/ctxt_switches/ {n += $2} END {print n}' "/proc/$SHIM/status")" = "$before" ]
}

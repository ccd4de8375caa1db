# The shim with a real runtime: containers, logs, ends.
load shim.bash

setup_file() { shim_build_client; }
setup() { shim_setup; }
teardown() { shim_teardown; }

@test "exit codes and signals" {
    [ "$(shim_run_container 1 sh -c 'exit 7')" = 7 ]
    [ "$(shim_run_container 2 true)" = 0 ]
    shim_config "$(id 3)" sleep 1000
    shim_start_container "$(id 3)"
    ctl call "{\"op\":\"kill\",\"id\":\"$(id 3)\",\"signal\":\"SIGKILL\"}"
    [ "$(ctl wait "$(id 3)")" = 137 ]
    ctl call '{"op":"state"}' | jq -e --arg id "$(id 3)" '.containers[] | select(.id == $id)
        | .status == "exited" and .signal == 9 and .oomKilled == false and .name == "app" and .attempt == 0
        and .startedAt < .finishedAt and (has("pid") | not)'
}

@test "the log: both streams, long lines, a last one without its end" {
    shim_run_container 1 sh -c 'echo out; echo err >&2; printf x; sleep 0.1; echo y; head -c 40000 /dev/zero | tr "\0" a; echo; printf end'
    [ "$(log_of 1 | grep -cE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z (stdout|stderr) [FP] ')" = "$(log_of 1 | wc -l)" ]
    log_of 1 | grep -q ' stdout F out$'
    log_of 1 | grep -q ' stderr F err$'
    log_of 1 | grep -q ' stdout F xy$'
    [ "$(log_of 1 | awk '$3 == "P" && $4 ~ /^a+$/ {print length($4)}' | sort -u)" = 16384 ]
    [ "$(log_of 1 | awk '$4 ~ /^a+$/ {n += length($4)} END {print n}')" = 40000 ]
    log_of 1 | grep -q ' stdout P end$'
}

@test "what was written before the end is in the log when the end is told" {
    for i in 1 2 3 4 5; do
        [ "$(shim_run_container $i sh -c 'seq 20000; exit 3')" = 3 ]
        [ "$(log_of $i | tail -n 1 | cut -d' ' -f4)" = 20000 ]
        [ "$(log_of $i | wc -l)" = 20000 ]
    done
}

@test "the log goes on in a new file after it was rotated" {
    shim_config "$(id 1)" sh -c 'trap "echo second; exit 0" TERM; echo first; while :; do sleep 0.05; done'
    shim_start_container "$(id 1)"
    wait_for_log 1 first
    mv "$T/logs/0001.log" "$T/logs/0001.log.old"
    ctl call "{\"op\":\"reopen\",\"id\":\"$(id 1)\"}"
    ctl call "{\"op\":\"kill\",\"id\":\"$(id 1)\",\"signal\":\"TERM\"}"
    ctl wait "$(id 1)"
    grep -q 'F first$' "$T/logs/0001.log.old"
    [ "$(log_of 1 | cut -d' ' -f2-)" = "stdout F second" ]
}

@test "a container that is killed for want of memory" {
    CONFIG='.linux.resources.memory = {limit: 16777216}' shim_config "$(id 1)" dd if=/dev/zero of=/dev/null bs=64M count=1
    shim_start_container "$(id 1)"
    [ "$(ctl wait "$(id 1)")" = 137 ]
    ctl call '{"op":"state"}' | jq -e '.containers[0] | .oomKilled and .exitCode == 137'
    # a child of it: its own exit code stays
    CONFIG='.linux.resources.memory = {limit: 16777216}' shim_config "$(id 2)" sh -c 'dd if=/dev/zero of=/dev/null bs=64M count=1; exit 3'
    shim_start_container "$(id 2)"
    [ "$(ctl wait "$(id 2)")" = 3 ]
    ctl call '{"op":"state"}' | jq -e --arg id "$(id 2)" '.containers[] | select(.id == $id) | .oomKilled and .exitCode == 3'
}

@test "a signal to all of a container's processes" {
    shim_config "$(id 1)" sh -c 'sh -c "trap \"echo child; exit 0\" USR1; echo ready; while :; do sleep 0.05; done" & trap "" USR1; wait; wait; echo done'
    shim_start_container "$(id 1)"
    wait_for_log 1 ready
    ctl call "{\"op\":\"kill\",\"id\":\"$(id 1)\",\"signal\":\"USR1\",\"all\":true}"
    [ "$(ctl wait "$(id 1)")" = 0 ]
    log_of 1 | grep -q 'F child$'
}

@test "delete: a running one, twice, an unknown one; its log stays" {
    shim_config "$(id 1)" sh -c 'echo hello; sleep 1000'
    shim_start_container "$(id 1)"
    wait_for_log 1 hello
    ctl call "{\"op\":\"delete\",\"id\":\"$(id 1)\"}" &
    ctl call "{\"op\":\"delete\",\"id\":\"$(id 1)\"}"
    wait $!
    ctl call "{\"op\":\"delete\",\"id\":\"$(id 1)\"}"
    ctl call "{\"op\":\"delete\",\"id\":\"$(id 999)\"}"
    ctl call '{"op":"state"}' | jq -e '.containers | not'
    [ ! -e "$POD/containers/$(id 1)" ]
    [ ! -e "$T/upper/$(id 1)" ]
    log_of 1 | grep -q hello
    [ -z "$(find /sys/fs/cgroup -type d -path "*$CGROUP/*")" ]
}

@test "a start that fails says why and leaves nothing" {
    shim_config "$(id 1)" /no/such/command
    run shim_start_container "$(id 1)"
    [ "$status" = 1 ]
    [[ "$output" == *"/no/such/command"* ]]
    ctl call '{"op":"state"}' | jq -e '.containers | not'
    [ ! -e "$POD/containers/$(id 1)" ]
    # no config.json
    mkdir -p "$POD/containers/$(id 2)"
    run shim_start_container "$(id 2)"
    [ "$status" = 1 ]
    # a layer that is not there
    shim_config "$(id 3)" true
    run shim_start_container "$(id 3)" '{"rootfs":{"type":"overlay","lower":["/no/such/layer"]}}'
    [ "$status" = 1 ]
    [[ "$output" == *"/no/such/layer"* ]]
    # a log that is a link
    shim_config "$(id 4)" true
    ln -s /etc/passwd "$T/logs/0004.log"
    run shim_start_container "$(id 4)"
    [ "$status" = 1 ]
    ctl call '{"op":"state"}' | jq -e '.containers | not'
    [ -z "$(ls "$POD/containers")" ]
}

@test "twenty containers, started and ended at once" {
    for i in $(seq 20); do
        shim_config "$(id "$i")" sh -c "echo I am $i; exit $i"
        shim_start_container "$(id "$i")" >"$T/answer.$i" &
        pids+=($!)
    done
    for p in "${pids[@]}"; do wait "$p"; done
    for i in $(seq 20); do
        [ "$(ctl wait "$(id "$i")")" = "$i" ]
        log_of "$i" | grep -q "stdout F I am $i$"
    done
    ctl call '{"op":"state"}' | jq -e '.containers | length == 20'
    jq -e '.containers | length == 20' "$POD/shim.json"
    pids=()
    for i in $(seq 20); do
        ctl call "{\"op\":\"delete\",\"id\":\"$(id "$i")\"}" >/dev/null &
        pids+=($!)
    done
    for p in "${pids[@]}"; do wait "$p"; done
    ctl call '{"op":"state"}' | jq -e '.containers | not'
}

@test "without a writable layer the root is read-only" {
    shim_config "$(id 1)" sh -c 'echo x >/tmp/x'
    shim_start_container "$(id 1)" "{\"rootfs\":{\"type\":\"overlay\",\"lower\":[\"$T/layer\"]}}"
    [ "$(ctl wait "$(id 1)")" = 1 ]
    log_of 1 | grep -qi 'read-only'
    mkdir -p "$T/top/bin"
    shim_config "$(id 2)" sh -c 'echo x >/tmp/x'
    shim_start_container "$(id 2)" "{\"rootfs\":{\"type\":\"overlay\",\"lower\":[\"$T/top\",\"$T/layer\"]}}"
    [ "$(ctl wait "$(id 2)")" = 1 ]
    log_of 2 | grep -qi 'read-only'
    [ ! -e "$T/layer/tmp/x" ]
}

@test "SIGTERM ends it as shutdown does" {
    shim_config "$(id 1)" sleep 1000
    shim_start_container "$(id 1)"
    kill -TERM "$SHIM"
    shim_gone
    [ ! -e "$POD/shim.sock" ]
    [ ! -e "$POD/shim.json" ]
    [ ! -e "$POD/containers/$(id 1)" ]
}

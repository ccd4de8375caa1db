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
    jq -e --arg id "$(id 3)" '.containers[] | select(.id == $id) | .status == "exited" and .signal == 9 and .oomKilled == false' "$POD/shim.json"
}

@test "the log: both streams, long lines, a last one without its end" {
    shim_run_container 1 sh -c 'echo out; echo err >&2; printf x; sleep 0.1; echo y; head -c 40000 /dev/zero | tr "\0" a; echo; printf end'
    log_of 1
    [ "$(log_of 1 | grep -cE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z (stdout|stderr) [FP] ')" = "$(log_of 1 | wc -l)" ]
    log_of 1 | grep -q ' stdout F out$'
    log_of 1 | grep -q ' stderr F err$'
    log_of 1 | grep -q ' stdout F xy$'
    [ "$(log_of 1 | awk '$3 == "P" && $4 ~ /^a+$/ {print length($4)}' | sort -u)" = 16384 ]
    [ "$(log_of 1 | awk '$4 ~ /^a+$/ {n += length($4)} END {print n}')" = 40000 ]
    log_of 1 | grep -q ' stdout P end$'
}

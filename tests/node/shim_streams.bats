# The shim: terminals, attached clients, executions.
load shim.bash

setup_file() { shim_build_client; }
setup() { shim_setup; }
teardown() { shim_teardown; }

process() { # ARGV...: an OCI process object
    jq -nc '{args: $ARGS.positional, cwd: "/", env: ["PATH=/bin"], user: {uid: 0, gid: 0}}' --args -- "$@"
}

exec_in() { # NUMBER NAME TERMINAL ARGV...
    local n=$1 name=$2 terminal=$3
    shift 3
    ctl exec "{\"op\":\"exec\",\"id\":\"$(id "$n")\",\"exec\":\"$name\",\"terminal\":$terminal,\"process\":$(process "$@")}"
}

@test "a terminal: its size, its log, its end" {
    CONFIG='.process.terminal = true' shim_config "$(id 1)" sh -c 'trap "stty size" WINCH; echo ready; while :; do sleep 0.05; done'
    shim_start_container "$(id 1)" '{"terminal":true,"stdin":true}'
    wait_for_log 1 ready
    ctl call "{\"op\":\"resize\",\"id\":\"$(id 1)\",\"width\":100,\"height\":40}"
    wait_for_log 1 '40 100'
    ctl call "{\"op\":\"kill\",\"id\":\"$(id 1)\",\"signal\":\"KILL\"}"
    [ "$(ctl wait "$(id 1)")" = 137 ]
    run ctl call "{\"op\":\"resize\",\"id\":\"$(id 1)\",\"width\":100,\"height\":40}"
    [ "$status" = 1 ]
}

@test "a shell on a terminal, attached" {
    CONFIG='.process.terminal = true' shim_config "$(id 1)" sh
    shim_start_container "$(id 1)" '{"terminal":true,"stdin":true}'
    printf 'echo $((6*7)); exit 5\n' | ctl attach "{\"op\":\"attach\",\"id\":\"$(id 1)\",\"stdin\":true,\"stdout\":true}" >"$T/out"
    grep -q 42 "$T/out"
    [ "$(ctl wait "$(id 1)")" = 5 ]
}

@test "attach: input and both outputs, and stdinOnce" {
    shim_config "$(id 1)" sh -c 'while read -r x; do echo "got $x"; echo "err $x" >&2; done; echo eof'
    shim_start_container "$(id 1)" '{"stdin":true,"stdinOnce":true}'
    printf 'one\ntwo\n' | ctl attach "{\"op\":\"attach\",\"id\":\"$(id 1)\",\"stdin\":true,\"stdout\":true,\"stderr\":true}" >"$T/out" 2>"$T/err"
    [ "$(cat "$T/out")" = "$(printf 'got one\ngot two\neof')" ]
    [ "$(cat "$T/err")" = "$(printf 'attached\nerr one\nerr two')" ]
    [ "$(ctl wait "$(id 1)")" = 0 ]
    log_of 1 | grep -q 'stdout F got two$'
}

@test "without stdinOnce stdin stays open for the next client" {
    shim_config "$(id 1)" sh -c 'read -r a; echo "1 $a"; read -r b; echo "2 $b"; sleep 1000'
    shim_start_container "$(id 1)" '{"stdin":true}'
    echo x | ctl attach "{\"op\":\"attach\",\"id\":\"$(id 1)\",\"stdin\":true,\"stdout\":true}" >/dev/null 2>&1 &
    wait_for_log 1 '1 x'
    echo y | ctl attach "{\"op\":\"attach\",\"id\":\"$(id 1)\",\"stdin\":true,\"stdout\":true}" >/dev/null 2>&1 &
    wait_for_log 1 '2 y'
    ctl call "{\"op\":\"delete\",\"id\":\"$(id 1)\"}"
    wait
}

@test "no stdin: the container reads its end at once" {
    shim_config "$(id 1)" sh -c 'cat; echo end'
    shim_start_container "$(id 1)"
    [ "$(ctl wait "$(id 1)")" = 0 ]
    log_of 1 | grep -q 'F end$'
}

@test "a client that does not read is dropped; the container goes on" {
    shim_config "$(id 1)" sh -c 'read -r x; head -c 3000000 /dev/zero | tr "\0" "\n"; echo done; sleep 1000'
    shim_start_container "$(id 1)" '{"stdin":true}'
    ctl stall "{\"op\":\"attach\",\"id\":\"$(id 1)\",\"stdout\":true}" >"$T/stall" &
    stalled=$!
    until grep -qs attached "$T/stall"; do sleep 0.02; done
    echo go | ctl attach "{\"op\":\"attach\",\"id\":\"$(id 1)\",\"stdin\":true,\"stdout\":true}" >"$T/out" 2>/dev/null &
    wait_for_log 1 done
    wait "$stalled"
    grep -q dropped "$T/stall"
    ctl call "{\"op\":\"delete\",\"id\":\"$(id 1)\"}"
    wait
    [ "$(wc -l <"$T/out")" = 3000001 ]
}

@test "exec: exit codes, streams, signals, a command that is not there" {
    shim_config "$(id 1)" sleep 1000
    shim_start_container "$(id 1)"
    run exec_in 1 a false sh -c 'echo out; exit 9'
    [ "$status" = 9 ]
    [ "$output" = out ]
    run bash -c "$(declare -f ctl exec_in process id); POD=$POD BATS_FILE_TMPDIR=$BATS_FILE_TMPDIR; printf 'a\nb\n' | exec_in 1 b false cat"
    [ "$output" = "$(printf 'a\nb')" ]
    run exec_in 1 c false sh -c 'kill -9 $$'
    [ "$status" = 137 ]
    run exec_in 1 d false /no/such
    [ "$status" = 126 ]
    [[ "$output" == *error*"/no/such"* ]]
    run exec_in 2 e false true
    [[ "$output" == *"not found"* ]]
    ctl call "{\"op\":\"kill\",\"id\":\"$(id 1)\",\"signal\":\"KILL\"}"
    ctl wait "$(id 1)"
    run exec_in 1 f false true
    [[ "$output" == *"not running"* ]]
    ! ls "$POD" | grep -e exec -e console
}

@test "exec on a terminal" {
    shim_config "$(id 1)" sleep 1000
    shim_start_container "$(id 1)"
    run exec_in 1 t true sh -c 'stty size >/dev/null && echo it is one; exit 4'
    [ "$status" = 4 ]
    [[ "$output" == *"it is one"* ]]
    ! ls "$POD" | grep -e exec -e console
}

@test "twenty executions at once" {
    shim_config "$(id 1)" sleep 1000
    shim_start_container "$(id 1)"
    for i in $(seq 20); do
        (
            code=0
            exec_in 1 "x$i" false sh -c "echo $i; exit $i" >"$T/x.$i" || code=$?
            [ "$code" = "$i" ] && [ "$(cat "$T/x.$i")" = "$i" ]
        ) &
        pids+=($!)
    done
    for p in "${pids[@]}"; do wait "$p"; done
}

@test "executions end with their container, and are told" {
    shim_config "$(id 1)" sleep 1000
    shim_start_container "$(id 1)"
    exec_in 1 long false sleep 1000 &
    until [ "$(pgrep -c -f '^sleep 1000$' -P "$SHIM")" = 2 ]; do sleep 0.02; done
    ctl call "{\"op\":\"delete\",\"id\":\"$(id 1)\"}"
    code=0
    wait $! || code=$?
    [ "$code" = 137 ]
}

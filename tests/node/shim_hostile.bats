# The shim: input that is wrong, clients that vanish, runtimes that hang, too much of everything.
load shim.bash

setup_file() { shim_build_client; }
setup() { shim_prepare; }
teardown() { shim_teardown; }

serves() { ctl call '{"op":"state"}' | jq -e ".pid == $SHIM" >/dev/null; }

@test "requests that are no requests get an error, and the connection goes on" {
    shim_begin
    run ctl raw '{' '[]' '"x"' '{}' '{"seq":"1","op":"state"}' '{"seq":1.5,"op":"state"}' '{"seq":1}' '{"seq":1,"op":7}' \
        '{"seq":1,"op":"nope"}' '{"seq":1,"seq":2,"op":"state"}' '{"seq":1,"op":"start"}' '{"seq":1,"op":"start","id":7}' \
        '{"seq":1,"op":"kill","id":"x","signal":"TERM"}' '{"seq":1,"op":"exec","id":"x"}' '{"seq":1,"op":"attach","id":"x"}' \
        '{"seq":1,"op":"mount","mounts":"x"}' '{"seq":1,"op":"mount","mounts":[{}]}' '{"seq":1,"op":"resize","id":"x","width":-1}' \
        "$(printf '[%.0s' $(seq 5000))" "$(printf '\377\376\001')"
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 20 ]
    for line in "${lines[@]}"; do
        jq -e '.error.kind and .error.message' <<<"$line" >/dev/null
    done
    [[ "${lines[8]}" == *nope* ]]
    serves
}

@test "starts that are refused before anything is made" {
    shim_begin
    shim_config "$(id 1)" true
    bundle=$POD/containers/$(id 1)
    for change in '{"id":"../../etc"}' '{"id":"'"$(printf '%063d' 1)"'"}' '{"id":"'"$(printf '%064d' 1 | tr 0 G)"'"}' '{"bundle":"/"}' '{"bundle":"'"$bundle"'/../x"}' \
        '{"log":"relative"}' '{"rootfs":{"type":"overlay","lower":["/"],"target":"/etc"}}' '{"rootfs":{"type":"overlay","lower":["/"],"upper":"/tmp/../etc","work":"/x"}}' \
        '{"rootfs":{"type":"overlay","lower":["/"],"upper":"/","work":"/x"}}' '{"rootfs":{"type":"overlay","lower":["/"],"upper":"relative","work":"/x"}}'; do
        run shim_start_container "$(id 1)" "$change"
        [ "$status" = 1 ]
        [[ "$output" == *'"invalid"'* ]]
    done
    [ -e "$bundle/config.json" ]
    run shim_start_container "$(id 1)" '{"rootfs":{"type":"overlay","lower":[]}}'
    [[ "$output" == *lower* ]]
    shim_config "$(id 2)" sleep 1000
    shim_start_container "$(id 2)"
    run shim_start_container "$(id 2)"
    [[ "$output" == *'"exists"'* ]]
}

@test "more connections than it takes; those it has are served" {
    shim_begin
    mkfifo "$T/end"
    (exec 9<>"$T/end"; ctl hold 80 <"$T/end" >"$T/held") &
    holder=$!
    timeout 30 bash -c 'until [ -s "$1" ]; do sleep 0.02; done' - "$T/held"
    [ "$(cat "$T/held")" = 64 ]
    kill "$holder" $(pgrep -P "$holder") || true
    wait "$holder" || true
    timeout 30 bash -c 'until "$@"; do sleep 0.05; done' - "$BATS_FILE_TMPDIR/shimctl" "$POD/shim.sock" call '{"op":"state"}'
    serves
}

@test "out of descriptors: refused, not spinning, and well afterwards" {
    (ulimit -n 40; shim_begin; echo "$SHIM" >"$T/pid")
    SHIM=$(cat "$T/pid")
    mkfifo "$T/end"
    (exec 9<>"$T/end"; ctl hold 40 <"$T/end" >"$T/held") &
    holder=$!
    timeout 30 bash -c 'until [ -s "$1" ]; do sleep 0.02; done' - "$T/held"
    [ "$(cat "$T/held")" -lt 40 ]
    before=$(awk '{print $14 + $15}' "/proc/$SHIM/stat")
    sleep 0.5
    [ $(($(awk '{print $14 + $15}' "/proc/$SHIM/stat") - before)) -lt 10 ]
    kill "$holder" $(pgrep -P "$holder") || true
    wait "$holder" || true
    timeout 30 bash -c 'until "$@"; do sleep 0.05; done' - "$BATS_FILE_TMPDIR/shimctl" "$POD/shim.sock" call '{"op":"state"}'
    serves
}

@test "another user is not served, even where the socket's mode would let it" {
    shim_begin
    chmod 711 "$T" "$T/run" "$T/run/pods" "$POD"
    chmod 755 "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR/shimctl"
    cp "$BATS_FILE_TMPDIR/shimctl" "$T/client"
    chmod 755 "$T/client"
    run setpriv --reuid 65534 --regid 65534 --clear-groups "$T/client" "$POD/shim.sock" call '{"op":"state"}'
    [ "$status" != 0 ]
    [[ "$output" == *denied* ]]
    chmod 666 "$POD/shim.sock"
    run setpriv --reuid 65534 --regid 65534 --clear-groups "$T/client" "$POD/shim.sock" call '{"op":"state"}'
    [ "$status" != 0 ]
    [[ "$output" != *pid* ]]
    serves
}

@test "clients that vanish while they are waited for" {
    shim_begin
    for i in 1 2 3 4 5 6; do
        shim_config "$(id $i)" sleep 1000
        START=send shim_start_container "$(id $i)"
    done
    for i in 1 2 3; do
        ctl send "{\"op\":\"delete\",\"id\":\"$(id $i)\"}"
    done
    for i in 7 8 9; do
        shim_config "$(id $i)" sh -c 'while :; do echo x; done'
        shim_start_container "$(id $i)" >/dev/null
        ctl attach "{\"op\":\"attach\",\"id\":\"$(id $i)\",\"stdout\":true}" >/dev/null 2>&1 &
        client=$!
        sleep 0.05
        kill -9 "$client" 2>/dev/null || true
        wait "$client" 2>/dev/null || true
        ctl call "{\"op\":\"delete\",\"id\":\"$(id $i)\"}"
        [ ! -e "$POD/containers/$(id $i)" ]
    done
    serves
}

@test "a runtime that hangs is killed, and the start says so" {
    cat >"$T/hang" <<-EOS
	#!/bin/sh
	case "\$*" in *" run "*) sleep 1000 & sleep 1000 ;; esac
	exec "$RUNTIME" "\$@"
	EOS
    chmod +x "$T/hang"
    RUNTIME_TIMEOUT=1 RUNTIME=$T/hang shim_begin
    shim_config "$(id 1)" true
    run shim_start_container "$(id 1)"
    [ "$status" = 1 ]
    [[ "$output" == *timeout* ]]
    ctl call '{"op":"state"}' | jq -e '.containers | not'
    [ -z "$(ls "$POD/containers")" ]
}

@test "deleted while it starts" {
    cat >"$T/slow" <<-EOS
	#!/bin/sh
	case "\$*" in *" run "*) touch "$T/started"; sleep 1000 ;; esac
	exec "$RUNTIME" "\$@"
	EOS
    chmod +x "$T/slow"
    RUNTIME=$T/slow shim_begin
    shim_config "$(id 1)" true
    shim_start_container "$(id 1)" >"$T/answer" &
    starting=$!
    timeout 30 bash -c 'until [ -e "$1" ]; do sleep 0.02; done' - "$T/started"
    run ctl call "{\"op\":\"kill\",\"id\":\"$(id 1)\",\"signal\":\"TERM\"}"
    [[ "$output" == *starting* ]]
    ctl call "{\"op\":\"delete\",\"id\":\"$(id 1)\"}"
    ! wait "$starting"
    grep -q '"conflict"' "$T/answer"
    [ ! -e "$POD/containers/$(id 1)" ]
}

@test "runtimes that lie, crash, or are not there" {
    local lie
    for lie in 'exit 0' 'echo 1 >"$pidfile"; exit 0' 'echo garbage >"$pidfile"; exit 0' 'kill -SEGV $$' 'exit 3' 'head -c 30000 /dev/zero >&2; exit 1'; do
        cat >"$T/liar" <<-EOS
	#!/bin/sh
	case "\$*" in *" delete "*) exit 0 ;; esac
	while [ "\$1" != --pid-file ]; do shift; done
	pidfile=\$2
	$lie
	EOS
        chmod +x "$T/liar"
        [ -n "$SHIM" ] || RUNTIME=$T/liar shim_begin
        shim_config "$(id 1)" true
        run timeout 20 "$BATS_FILE_TMPDIR/shimctl" "$POD/shim.sock" call "$(jq -nc --arg id "$(id 1)" --arg pod "$POD" '{op: "start", id: $id, bundle: "\($pod)/containers/\($id)"}')"
        [ "$status" = 1 ]
        serves
    done
    rm "$T/liar"
    shim_config "$(id 1)" true
    run shim_start_container "$(id 1)"
    [ "$status" = 1 ]
    [[ "$output" == *"$T/liar"* ]]
    ctl call '{"op":"state"}' | jq -e '.containers | not'
}

@test "a full disk stops the log, not the container" {
    # a log folder of 64 KiB, in the mount namespace that the shim will be started from
    cat >"$T/inner" <<-'INNER'
	set -eu
	load() { :; }
	. "$1/shim.bash"
	BATS_FILE_TMPDIR=$2
	mount --make-rprivate /
	mount -t tmpfs -o size=64k small "$T/logs"
	shim_begin
	shim_config "$(id 1)" sh -c 'seq 20000; read -r x; echo after; exit 7'
	shim_start_container "$(id 1)" '{"stdin":true,"stdinOnce":true}'
	timeout 30 bash -c 'until [ "$(stat -c %s "$1")" -ge 60000 ]; do sleep 0.02; done' - "$T/logs/0001.log"
	timeout 30 bash -c 'until "$@" | grep -q logDropped; do sleep 0.05; done' - "$2/shimctl" "$POD/shim.sock" call '{"op":"state"}'
	mount -o remount,size=1m "$T/logs"
	nsenter -t "$SHIM" -m mount -o remount,size=1m "$T/logs"
	echo go | ctl attach "{\"op\":\"attach\",\"id\":\"$(id 1)\",\"stdin\":true}" || true
	[ "$(ctl wait "$(id 1)")" = 7 ]
	ctl call '{"op":"state"}' | jq -e '.containers[0].logDropped > 0'
	[ "$(log_of 1 | tail -n 1 | cut -d' ' -f2-)" = "stdout F after" ]
	ctl call '{"op":"shutdown"}'
	shim_gone
	INNER
    T=$T POD=$POD CGROUP=$CGROUP RUNTIME=$RUNTIME WHERRY_BIN=$WHERRY_BIN unshare -m bash "$T/inner" "$BATS_TEST_DIRNAME" "$BATS_FILE_TMPDIR"
}

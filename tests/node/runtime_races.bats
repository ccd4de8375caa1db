#!/usr/bin/env bats
# Two containers share a volume, and one exchanges what lies there while the other is made or entered. Each race is run
# twice: with a swapper in a tight loop (as many attempts as RACES says, 10,000 for the full run), and with one exchange
# before each system call in turn, so that every window between two calls is surely hit (every 17th here, all in the
# full run). Seen failing on builds of which a check was removed: tests/mutations.

load runtime.bash
load oracle.bash

setup_file() {
    runtime_setup_file
    local p
    for p in swapper syscall_fault; do
        gcc -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -o "$BATS_FILE_TMPDIR/$p" "$BATS_TEST_DIRNAME/$p.c"
    done
}

setup() {
    runtime_setup
    ROOTFS=$T/rootfs
    make_rootfs "$ROOTFS"
    mkdir -p "$T/canary/sub" "$T/shared/dir" "$T/src" "$ROOTFS/evil/sys/net/ipv4"
    echo secret >"$T/canary/secret"
    : >"$ROOTFS/evil/sys/net/ipv4/ip_forward"
    echo new >"$T/src/file"
    echo dir >"$T/shared/dir/what"
    ln -s "$T/canary" "$T/shared/link"
}
teardown() { runtime_teardown; }

# attempt: creates, or enters, once; what the container has seen goes to $T/seen
attempt() {
    local fault=${1:-} status=0
    timeout 60 $fault "$WHERRY_BIN/wherry-runtime" --root "$T/root" "${command[@]}" >>"$T/seen" 2>>"$T/errors" </dev/null || status=$?
    [ $status -lt 124 ] || [ $status = 255 ] || { echo "status $status" && return 1; }
    [ "${command[0]}" = exec ] || R delete --force c
}

in_a_loop() { # ATTEMPTS A B
    local i swaps
    "$BATS_FILE_TMPDIR/swapper" "$2" "$3" >"$T/swaps" &
    for ((i = 0; i < $1; i++)); do attempt || break; done
    kill $!
    wait $!
    swaps=$(<"$T/swaps")
    [ $i = "$1" ]
    [ "$swaps" -ge "$1" ]
    echo "$1 attempts, $swaps swaps, $(wc -l <"$T/errors") refused" >>"$T/figures"
}

at_each_call() { # STRIDE A B
    local k call hits=0
    for ((k = 1; ; k += $1)); do
        attempt "$BATS_FILE_TMPDIR/syscall_fault -s $2:$3 -r $T/report $k"
        read -r _ call _ <"$T/report"
        [ "$call" != -1 ] || break
        hits=$((hits + 1))
    done
    echo "an exchange at $hits of $k calls" >>"$T/figures"
    [ $hits -gt 3 ]
}

both() { # ATTEMPTS STRIDE A B COMMAND...
    local attempts=$1 stride=$2 a=$3 b=$4 command=("${@:5}")
    [ "${command[0]}" != exec ] || R run --detach --bundle "$T/c" c </dev/null >/dev/null
    : >"$T/seen" >"$T/errors"
    host_snapshot "$T/before" own
    in_a_loop "$attempts" "$a" "$b"
    at_each_call "$stride" "$a" "$b"
    host_unchanged "$T/before" own
    R delete --force c
}

# race A B COMMAND...: in the end nothing of the host has changed, and no container has seen the canary's secret.
race() {
    local attempts=${RACES:-40} stride=17 line
    [ -z "${RACES:-}" ] || stride=1
    private both "$attempts" $stride "$1" "$2" "${*:3}"
    while read -r line; do echo "# $BATS_TEST_DESCRIPTION: $line"; done <"$T/figures" >&3
    rm "$T/figures"
    ! grep -E 'secret|ESCAPED' "$T/seen"
}

create=(run --bundle '$T/c' c)
look='cat /vol/dir/secret /vol/link/secret /vol/new/secret 2>/dev/null; true'
volume='.root.readonly=false | .mounts+=[{destination:"/vol",type:"bind",source:$ENV.SHARED,options:["bind"]}]'

volume() { # JQ SCRIPT
    SHARED=$T/shared SRC=$T/src SCRIPT=$2 bundle c "$volume | $1 | .process.args=[\"sh\",\"-c\",\$ENV.SCRIPT]"
}
export SHARED SRC SCRIPT

@test "R-006 R-013 where mounts go, and what is made for them" {
    volume '.mounts+=[{destination:"/vol/dir/sub",type:"bind",source:$ENV.SRC,options:["bind"]},{destination:"/vol/dir/new/deep",type:"tmpfs",source:"t"},
        {destination:"/vol/dir/file",type:"bind",source:($ENV.SRC+"/file"),options:["bind"]}]' "$look"
    race "$T/shared/dir" "$T/shared/link" "${create[@]}"
}

@test "R-006 a folder that is copied up into a tmpfs" {
    volume '.mounts+=[{destination:"/vol/dir",type:"tmpfs",source:"t",options:["tmpcopyup"]}]' "$look"
    race "$T/shared/dir" "$T/shared/link" "${create[@]}"
}

@test "R-005 R-016 /proc, sysctls, and what is written about a process" {
    mkdir "$ROOTFS/evil/self"
    : >"$ROOTFS/evil/self/oom_score_adj"
    ln -s /evil "$ROOTFS/other"
    cp -r "$ROOTFS/evil" "$T/canary/evil"
    bundle c '.root.readonly=false | .linux.sysctl={"net.ipv4.ip_forward":"1"} | .process.oomScoreAdj=500 | .process.args=["true"]'
    race "$ROOTFS/proc" "$ROOTFS/other" "${create[@]}"
    diff -r "$ROOTFS/evil" "$T/canary/evil" # the fake one got nothing
}

@test "R-014 the device that masks, and those of /dev" {
    mknod -m 666 "$ROOTFS/dev/null" c 1 3
    echo secret >"$ROOTFS/evil/null"
    ln -s /evil/null "$ROOTFS/dev/other"
    bundle c '.mounts|=map(select(.destination|startswith("/dev")|not)) | .root.readonly=false | .process.args=["sh","-c","cat /proc/keys /proc/timer_list"]'
    race "$ROOTFS/dev/null" "$ROOTFS/dev/other" "${create[@]}"
    [ "$(<"$ROOTFS/evil/null")" = secret ]
}

@test "R-017 /dev itself" {
    ln -s "$T/canary" "$ROOTFS/other"
    bundle c '.mounts|=map(select(.destination|startswith("/dev")|not)) | .root.readonly=false | .process.args=["true"]'
    race "$ROOTFS/dev" "$ROOTFS/other" "${create[@]}"
}

@test "R-012 the working directory of a container and of what enters it" {
    ln -s "/proc/self/fd/5" "$T/shared/fd"
    export T
    volume '.process.cwd="/vol/dir" | .process.env+=["T="+$ENV.T]' 'pwd -P; [ ! -e ../../../../../../..$T/canary ] || echo ESCAPED'
    race "$T/shared/dir" "$T/shared/fd" "${create[@]}"
    volume "$sleeper" :
    jq "$sleeper" "$T/c/config.json" >"$T/c/new" && mv "$T/c/new" "$T/c/config.json"
    race "$T/shared/dir" "$T/shared/fd" exec --cwd /vol/dir c sh -c "'[ ! -e ../../../../../../..$T/canary ] || echo ESCAPED'"
}

@test "R-043 the passwd file of what enters" {
    mkfifo "$ROOTFS/etc/other"
    bundle c "$sleeper"
    race "$ROOTFS/etc/passwd" "$ROOTFS/etc/other" exec --user 1000 c true
}

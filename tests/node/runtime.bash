# Bundles and checks for the tests of wherry-runtime. Everything lies below $T; cgroups below /wherry-test-rt-PID.

: "${WHERRY_BIN:=$PWD/build/release/bin}"
export WHERRY_BIN

runtime_setup_file() {
    export ROOTFS=$BATS_FILE_TMPDIR/rootfs
    make_rootfs "$ROOTFS"
    gcc -O1 -o "$BATS_FILE_TMPDIR/master" "$BATS_TEST_DIRNAME/runtime_master.c"
    gcc -O1 -static -o "$ROOTFS/bin/notify" "$BATS_TEST_DIRNAME/runtime_notify.c"
}

make_rootfs() {
    mkdir -p "$1"/bin "$1"/proc "$1"/sys "$1"/dev "$1"/etc "$1"/tmp "$1"/data
    cp /bin/busybox "$1/bin/busybox"
    local a
    for a in sh ls cat echo sleep id mount ps true false stat env grep touch mkdir rm mknod pwd wc head dd tty stty hostname readlink kill tail test ln date chmod nc; do
        ln -sf busybox "$1/bin/$a"
    done
    echo "root:x:0:0:root:/root:/bin/sh" >"$1/etc/passwd"
    echo "app:x:1000:1000:app:/home/app:/bin/sh" >>"$1/etc/passwd"
}

runtime_setup() {
    T=$(mktemp -d /tmp/wherry-rt.XXXXXX)
    CG=wherry-test-rt-$$-$BATS_TEST_NUMBER
}

runtime_teardown() {
    local id rc=0
    for id in $(R list -q 2>/dev/null); do
        R delete --force "$id" || rc=1
    done
    [ -z "$(cgroups_left)" ] || { echo "cgroups left: $(cgroups_left)"; find /sys/fs/cgroup -depth -type d -path "*/$CG*" -exec rmdir {} + 2>/dev/null; rc=1; }
    ! grep -F -e "$T" -e "$ROOTFS" /proc/self/mountinfo || rc=1 # a mount got out
    [ -z "$(ls -A "$T/root" 2>/dev/null | grep -v '^\.seccomp$')" ] || { echo "state left: $(ls -A "$T/root")"; rc=1; }
    rm -rf "$T"
    return $rc
}

R() {
    "$WHERRY_BIN/wherry-runtime" --root "$T/root" "$@"
}

# same_as_runc SCRIPT: what the script prints, and its status, are the same with Debian's runc in R's place. It runs in
# a function: "$1" is a name for its container, whose bundle is $T/$1.
same_as_runc() {
    local ours theirs
    eval "script() { $1
    }"
    ours=$(script c 2>&1; echo "status $?")
    R() { runc --root "$T/runc" "$@"; }
    theirs=$(script p 2>&1; echo "status $?")
    R() { "$WHERRY_BIN/wherry-runtime" --root "$T/root" "$@"; }
    [ "$ours" = "$theirs" ] || { diff <(echo "$ours") <(echo "$theirs") | sed 's/^</ours: /; s/^>/runc: /'; return 1; }
}

# receiver: something that takes one descriptor at $T/sock and prints to $T/got
receiver() {
    rm -f "$T/sock"
    "$BATS_FILE_TMPDIR/master" "$T/sock" >"$T/got" 2>"$T/err" 3>&- &
    receiver=$!
    until_true grep -q ready "$T/err"
}

# The container's own folder and all below; not the common one above it, which stays.
cgroups_left() {
    find /sys/fs/cgroup -mindepth 2 -type d -path "*/$CG/*" 2>/dev/null
    find /sys/fs/cgroup -depth -type d -name "$CG" -exec rmdir {} + 2>/dev/null
}

# bundle NAME [JQ]: $T/NAME with the default configuration, changed by a jq program. A shell script for the container
# to run is its `sh -c` unless the program says otherwise.
bundle() {
    local b=$T/$1
    mkdir -p "$b"
    rm -f "$b/config.json"
    R spec --bundle "$b"
    jq --arg rootfs "$ROOTFS" --arg cg "/$CG/$1" ".process.terminal=false | .root.path=\$rootfs | .linux.cgroupsPath=\$cg | ${2:-.}" \
        "$b/config.json" >"$b/new.json"
    mv "$b/new.json" "$b/config.json"
}

# run_in NAME JQ SCRIPT: runs SCRIPT in a container of its own.
run_in() {
    bundle "$1" "$2 | .process.args=[\"sh\",\"-c\",\$ENV.SCRIPT]"
    R run --bundle "$T/$1" "$1"
}
in_container() { # JQ SCRIPT
    export SCRIPT=$2
    run run_in c "$1" </dev/null
}
# refused JQ TEXT: create fails, says so, and leaves nothing.
refused() {
    bundle bad "$1"
    run R create --bundle "$T/bad" bad </dev/null
    [ "$status" = 1 ] && [[ $output == *"$2"* ]] && ! R state bad 2>/dev/null || { echo "$output, not: $2"; return 1; }
}
sleeper='.process.args=["sleep","1000"]'

status_of() {
    R state "$1" | jq -r .status
}

pid_of() {
    R state "$1" | jq -r .pid
}

# until COMMAND...: waits for something that the kernel does in its own time; five seconds.
until_true() {
    local i
    for i in $(seq 500); do
        "$@" >/dev/null 2>&1 && return 0
        read -rt 0.01 <> <(:) || :
    done
    echo "never true: $*"
    return 1
}

is_v2() {
    [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]
}

# cg_file CONTROLLER FILE: of container c's cgroup, wherever the host has it.
cg_file() {
    if [ -d "/sys/fs/cgroup/$1/$CG/c" ]; then echo "/sys/fs/cgroup/$1/$CG/c/$2"; else echo "/sys/fs/cgroup/$CG/c/$2"; fi
}

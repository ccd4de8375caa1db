#!/usr/bin/env bats
# Images made to get out. Each in a mount namespace of its own, with a canary beside the rootfs that must stay as it is.
# Where Debian's runc 1.1.5 is known to be taken in, the same image shows it doing so: a test that never failed proves
# nothing.

load runtime.bash

setup_file() { runtime_setup_file; }

setup() {
    runtime_setup
    ROOTFS=$T/rootfs
    make_rootfs "$ROOTFS"
    mkdir -p "$T/canary/sub"
    echo untouched | tee "$T/canary/file" "$T/canary/ptmx" "$T/canary/hosts" >/dev/null
    CANARY=$(canary)
}

teardown() { runtime_teardown; }

canary() {
    (cd "$T/canary" && find . -printf '%p %y %m %u %s %l %C@\n' | sort)
}

unharmed() {
    [ "$CANARY" = "$(canary)" ] || { canary; return 1; }
}

# hostile JQ SCRIPT: as in_container, in a mount namespace that is thrown away.
hostile() {
    export SCRIPT=$2 T CG ROOTFS WHERRY_BIN
    bundle c "$1 | .process.args=[\"sh\",\"-c\",\$ENV.SCRIPT]"
    run timeout 20 unshare -m "$WHERRY_BIN/wherry-runtime" --root "$T/root" run --bundle "$T/c" c </dev/null
}

# The known-bad control, on the same bundle; its own state folder, removed again.
runc_does() {
    run timeout 20 unshare -m runc --root "$T/runc" run --bundle "$T/c" "rc$$" </dev/null
    runc --root "$T/runc" delete --force "rc$$" 2>/dev/null || :
}

no_dev='.mounts|=map(select(.destination|startswith("/dev")|not))'

@test "R-017 /dev is a link: nothing is removed or made where it points" {
    rmdir "$ROOTFS/dev"
    ln -s "$T/canary" "$ROOTFS/dev"
    hostile "$no_dev | .root.readonly=false" 'echo ran'
    unharmed
    hostile . 'echo ran'
    unharmed
    bundle c "$no_dev | .root.readonly=false | .process.args=[\"true\"]"
    if command -v runc >/dev/null && ! is_v2; then
        runc_does
        ! unharmed >/dev/null # red: runc follows it
    fi
}

@test "R-014 /dev/null of the image is something else: creation fails" {
    local kind
    for kind in file fifo link wrong; do
        rm -rf "$ROOTFS/dev"
        mkdir "$ROOTFS/dev"
        case $kind in
        file) echo evil >"$ROOTFS/dev/null" ;;
        fifo) mkfifo "$ROOTFS/dev/null" ;;
        link) ln -s /proc/sys/kernel/core_pattern "$ROOTFS/dev/null" ;;
        wrong) mknod "$ROOTFS/dev/null" c 1 5 ;;
        esac
        hostile "$no_dev | .root.readonly=false" 'cat /proc/keys /proc/timer_list'
        [ "$status" = 1 ]
        [[ $output == *"device /dev/null: what is there is not the device 1:3"* ]]
    done
    rm "$ROOTFS/dev/null"
    mkdir -p "$ROOTFS/data"
    echo evil >"$ROOTFS/data/evil"
    ln -s /data/evil "$ROOTFS/dev/null"
    hostile "$no_dev | .root.readonly=false" 'cat /proc/keys'
    [ "$status" = 1 ]
    if command -v runc >/dev/null && ! is_v2; then
        SCRIPT='cat /proc/keys > /tmp/seen' bundle c "$no_dev | .root.readonly=false | .process.args=[\"sh\",\"-c\",\$ENV.SCRIPT]"
        runc_does
        grep -q evil "$ROOTFS/tmp/seen" # red: the masked path shows the attacker's file
    fi
}

@test "R-014 with a /dev of our own, masked paths are empty whatever the image brings" {
    echo evil >"$ROOTFS/dev/null"
    hostile . 'cat /proc/keys /proc/timer_list | wc -c; echo w > /proc/keys; cat /proc/keys | wc -c'
    [ "$status" = 0 ]
    [ "$output" = "0
0" ]
}

@test "R-005 R-010 /proc and /sys are links: refused" {
    local d
    mkdir "$ROOTFS/evil" "$ROOTFS/proc2"
    for d in "proc /evil" "proc ../proc2" "proc $T/canary" "sys evil"; do
        rm -rf "$ROOTFS/proc" "$ROOTFS/sys"
        mkdir "$ROOTFS/proc" "$ROOTFS/sys"
        set -- $d
        rmdir "$ROOTFS/$1"
        ln -s "$2" "$ROOTFS/$1"
        hostile . 'echo ran'
        [ "$status" = 1 ]
        [[ $output == *"must be mounted on ordinary directory"* ]]
        unharmed
    done
}

@test "R-006 R-013 mounts through links stay in the rootfs; nothing is made outside" {
    ln -s "$T/canary" "$ROOTFS/link"
    ln -s ../../../../../../.."$T/canary" "$ROOTFS/up"
    ln -s "$T/canary/none" "$ROOTFS/dangling"
    mkdir "$T/src"
    local d
    for d in /link /link/sub /link/new/deep /up/x /dangling /dangling/y ../../../"$T"/canary/z; do
        hostile ".mounts+=[{destination:\"$d\",type:\"bind\",source:\"$T/src\",options:[\"bind\"]},{destination:\"$d/t\",type:\"tmpfs\",source:\"t\"}] | .root.readonly=false" 'echo ran'
        unharmed
    done
    hostile ".mounts+=[{destination:\"/dangling\",type:\"bind\",source:\"$T/c/config.json\",options:[\"bind\"]}] | .root.readonly=false" 'echo ran'
    unharmed
    hostile ".linux.maskedPaths+=[\"/link/file\",\"/up/file\"] | .linux.readonlyPaths+=[\"/link\"]" 'echo ran'
    unharmed
}

@test "R-012 a working directory on the host is refused, for run and exec" {
    local n
    for n in 3 4 5 6 7 8 9 10 11 12 13 14 15 20; do
        hostile ".process.cwd=\"/proc/self/fd/$n\"" 'cat ../../../etc/hostname; pwd'
        [ "$status" = 1 ]
        [[ $output == *process.cwd* ]]
    done
    rm -rf "$ROOTFS/w"
    ln -s /proc/self/fd/7 "$ROOTFS/w"
    hostile '.process.cwd="/w"' 'pwd'
    [ "$status" = 1 ]
    hostile '.process.cwd="/../../.."' 'pwd'
    [ "$output" = / ]
    bundle c "$sleeper"
    R run --detach --bundle "$T/c" c
    for n in 3 5 6 7 8 9 10 15; do
        run R exec --cwd "/proc/self/fd/$n" c pwd
        [ "$status" = 255 ]
    done
    run R exec --cwd /proc/1/root/tmp c pwd
    [[ $output == /tmp || $status = 255 ]]
}

@test "R-020 devices, links and mount points planted as links are not followed out" {
    local f
    for f in ptmx fd stdin console hosts; do ln -sf "$T/canary/hosts" "$ROOTFS/dev/$f"; done
    ln -sf "$T/canary/hosts" "$ROOTFS/etc/hosts"
    mkdir "$T/src"
    echo new >"$T/src/hosts"
    hostile "$no_dev | .root.readonly=false | .mounts+=[{destination:\"/etc/hosts\",type:\"bind\",source:\"$T/src/hosts\",options:[\"bind\"]}]" 'cat /etc/hosts'
    unharmed
}

@test "R-043 /etc/passwd that is a FIFO, endless, or enormous does not hold us up" {
    rm "$ROOTFS/etc/passwd"
    mkfifo "$ROOTFS/etc/passwd"
    hostile . 'echo $HOME'
    [ "$output" = / ]
    rm "$ROOTFS/etc/passwd"
    ln -s /dev/zero "$ROOTFS/etc/passwd"
    hostile . 'echo $HOME'
    [ "$output" = / ]
    rm "$ROOTFS/etc/passwd"
    truncate -s 4G "$ROOTFS/etc/passwd"
    hostile . 'echo $HOME'
    [ "$output" = / ]
}

@test "R-002 a name that looks like a number gives nobody root" {
    printf '1000:x:0:0::/root:/bin/sh\n4294967297:x:0:0::/root:/bin/sh\n' >"$ROOTFS/etc/passwd"
    hostile '.process.user={uid:1000,gid:1000}' 'id -u; echo $HOME'
    [ "$output" = "1000
/" ]
    local u
    for u in 4294967295 4294967296 -1 '"0"' 1.5; do
        hostile ".process.user.uid=$u" 'id -u'
        [ "$status" = 1 ]
        [[ $output == *process.user.uid* ]]
    done
}

@test "CVE-2019-5736 the runtime's binary cannot be reached for writing" {
    local before
    before=$(sha256sum "$WHERRY_BIN/wherry-runtime")
    # the program is the runtime itself: by path, by link, by interpreter
    printf '#!/proc/self/exe\n' >"$ROOTFS/bin/bad"
    chmod 755 "$ROOTFS/bin/bad"
    ln -s /proc/self/exe "$ROOTFS/bin/self"
    local p
    for p in /proc/self/exe /bin/self /bin/bad; do
        bundle c ".process.args=[\"$p\",\"--version\"] | .process.noNewPrivileges=false"
        run R run --bundle "$T/c" c
    done
    # who looks at processes that come and go gets at most a file that cannot be written
    bundle c '.process.args=["sh","-c","while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || { echo x >> $p/exe && echo WROTE $p; }; done; done 2>/dev/null"] | .process.capabilities[]+=["CAP_SYS_PTRACE","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH","CAP_SYS_ADMIN"] | .process.noNewPrivileges=false'
    R run --detach --bundle "$T/c" c >"$T/out"
    local i
    for i in $(seq 60); do R exec c /bin/true; done
    R delete --force c
    run cat "$T/out"
    [ -z "$(sed 's/WROTE .*//' <<<"$output" | tr -d '\n')" ]
    [ "$before" = "$(sha256sum "$WHERRY_BIN/wherry-runtime")" ]
}

@test "R-001 whoever joins shows nothing of the host: root, cwd, descriptors" {
    export T
    bundle c '.process.args=["sh","-c","while :; do for p in /proc/[0-9]*; do for l in root cwd fd/3 fd/4 fd/5 fd/6 fd/7 fd/8; do [ -e $p/$l$T/canary ] && echo ESCAPED $p/$l; done; done; done 2>/dev/null"] | .process.env+=["T="+$ENV.T] | .process.capabilities[]+=["CAP_SYS_PTRACE","CAP_DAC_READ_SEARCH"]'
    R run --detach --bundle "$T/c" c >"$T/out"
    local i
    for i in $(seq 100); do R exec c /bin/true; done
    R delete --force c
    [ ! -s "$T/out" ]
}

@test "R-016 sysctls are written through a procfs that the image cannot stand in for" {
    mkdir -p "$ROOTFS/fake/sys/net/ipv4"
    : >"$ROOTFS/fake/sys/net/ipv4/ip_forward"
    local before
    before=$(cat /proc/sys/net/ipv4/ip_forward)
    hostile ".mounts|=map(select(.destination!=\"/proc\")) | .linux.sysctl={\"net.ipv4.ip_forward\":\"1\"} | .linux.maskedPaths=[] | .linux.readonlyPaths=[]" 'echo ran'
    [ "$before" = "$(cat /proc/sys/net/ipv4/ip_forward)" ]
    [ ! -s "$ROOTFS/fake/sys/net/ipv4/ip_forward" ]
}

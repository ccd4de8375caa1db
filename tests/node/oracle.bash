# Is the host what it was? One answer for all tests that try to harm it: a snapshot before and after, any difference is
# an escape. Hostile containers run in mount and network namespaces that are thrown away (private), with a canary tree.

# private COMMAND...: with the functions and $T, $CG, $ROOTFS of this test; errors end it.
private() {
    unshare -mn bash -c "$(declare -f)
        $(declare -p T CG ROOTFS BATS_TEST_DIRNAME BATS_FILE_TMPDIR BATS_TEST_NUMBER 2>/dev/null)
        set -e; $*"
}

# Mounts by what and where; those that others unmount meanwhile are no difference, so look with `comm -13`.
host_mounts() {
    local id parent dev root at rest
    while read -r id parent dev root at rest; do echo "$dev $root $at ${rest%% *}"; done </proc/self/mountinfo | sort
}

# Readable settings but those that count or are random by nature; the network's only where it is our own.
host_sysctls() {
    grep -rsI '' /proc/sys/{kernel,vm,fs,user,dev,$1} --exclude=uuid --exclude='*-nr' --exclude='*-state' --exclude=ns_last_pid \
        --exclude=entropy_avail --exclude=nr --exclude=nf_conntrack_count --exclude='*loadavg*' --exclude=random \
        --exclude=boot_id --exclude=syncs | sort
}

# Cgroups outside of the tests' own folders.
host_cgroups() {
    find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d ! -path '*wherry*' ! -path '*libpod*' ! -path '*kubepods*' \
        ! -path '*conmon*' ! -path '*/default*' | sort
}

host_network() {
    ip -d link
    ip addr
    ip route show table all
    nft list ruleset
}

# canary DIR: every entry of a tree, with all that a change leaves behind.
canary() {
    (cd "$1" && find . -printf '%p %y %l %m %U:%G %n %s %i %C@\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

# host_snapshot DIRECTORY [own]: own: mounts and network, too; they are this test's alone (private)
host_snapshot() {
    mkdir -p "$1"
    host_sysctls "${2:+net}" >"$1/sysctls"
    host_cgroups >"$1/cgroups"
    [ -z "${2:-}" ] || { host_mounts >"$1/mounts" && host_network >"$1/network" 2>&1; }
    (cd "$WHERRY_BIN" && sha256sum wherry*) >"$1/binaries"
    [ ! -d "$T/canary" ] || canary "$T/canary" >"$1/canary"
}

# host_unchanged DIRECTORY [own]: since host_snapshot; prints what differs.
host_unchanged() {
    local part rc=0
    host_snapshot "$1.now" "${2:-}"
    for part in sysctls cgroups network binaries canary; do
        [ ! -e "$1/$part" ] || diff -U0 "$1/$part" "$1.now/$part" || { echo "the host's $part changed" && rc=1; }
    done
    if [ -e "$1/mounts" ] && comm -13 "$1/mounts" "$1.now/mounts" | grep .; then echo "mounts on the host" && rc=1; fi
    return $rc
}

#!/usr/bin/env bats
# The runtime of a user without privileges, and of the root of a user namespace: what works, what is said of what
# cannot. The user is one of the test's own: uid 12345, with subordinate ids, in a mount namespace.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() {
    runtime_setup
    chmod 755 "$T"
    mkdir "$T/bin" "$T/etc" "$T/root" "$T/b"
    cp "$WHERRY_BIN/wherry-runtime" "$T/bin/"
    make_rootfs "$T/b/rootfs"
    chown -R 12345:12345 "$T/b" "$T/root"
    echo 'nobodys:x:12345:12345::/:/bin/sh' | cat /etc/passwd - >"$T/etc/passwd"
    echo nobodys:500000:1000 | tee "$T/etc/subuid" >"$T/etc/subgid"
}
teardown() { runtime_teardown; }

# As the user: without privileges, with the three files.
U() {
    unshare -m sh -ec 'for f in passwd subuid subgid; do [ -e /etc/$f ] || continue; mount --bind '"$T"'/etc/$f /etc/$f; done
        exec setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps=-all --bounding-set=+all env -u XDG_RUNTIME_DIR "$@"' - "$@" </dev/null
}
W() { U "$T/bin/wherry-runtime" --root "$T/root" "$@"; }
# config JQ: the configuration that `spec --rootless` writes, changed.
config() {
    rm -f "$T/b/config.json"
    W spec --rootless --bundle "$T/b"
    jq ".process.terminal=false | $1" "$T/b/config.json" >"$T/new"
    cat "$T/new" >"$T/b/config.json"
}
sh_c() { echo ".process.args=[\"sh\",\"-c\",$(jq -n --arg s "$1" '$s')]"; }

@test "spec --rootless runs: one id, devices, masks, no cgroup that is not the user's" {
    config "$(sh_c 'id -u; cat /proc/self/uid_map /proc/self/setgroups; echo x >/dev/null && head -c 3 /dev/zero | wc -c; cat /proc/keys; touch /x; mkdir /sys/fs/cgroup/x; echo 0 >/sys/fs/cgroup/cgroup.procs; hostname')"
    run W run --bundle "$T/b" c
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[0]}" = 0 ]
    [ "$(tr -s ' ' <<<"${lines[1]}")" = " 0 12345 1" ]
    [ "${lines[2]}" = deny ] && [ "${lines[3]}" = 3 ]
    [[ $output == *"/x: Read-only"* && $output == *wherry ]]
    [ "$(grep -c "Read-only" <<<"$output")" -ge 2 ] # the cgroup file system, too
    [ -z "$(ls -A "$T/root" | grep -v '^\.seccomp$')" ]
}

@test "the whole life: create, start, state, exec, kill, delete" {
    config '.process.args=["sleep","1000"]'
    W create --bundle "$T/b" --pid-file "$T/b/pid" c
    [ "$(W state c | jq -r '.status')" = created ]
    W start c
    [ "$(W state c | jq -r '.status')" = running ]
    [ "$(stat -c %u "/proc/$(cat "$T/b/pid")")" = 12345 ]
    run W exec c sh -c 'id -u; readlink /proc/self/ns/user; hostname'
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[0]} ${lines[1]}" = "0 $(readlink "/proc/$(cat "$T/b/pid")/ns/user")" ]
    run W exec --user 5 c true
    [ "$status" = 255 ]
    [[ $output == *"process.user.uid: 5: "* ]]
    W kill c KILL
    until_true eval '[ "$(W state c | jq -r .status)" = stopped ]'
    W delete c
    run W state c
    [ "$status" = 1 ]
}

@test "many ids: through newuidmap and newgidmap, and no more than the user has" {
    local maps='.linux.uidMappings=[{containerID:0,hostID:12345,size:1},{containerID:1,hostID:500000,size:999}] | .linux.gidMappings=.linux.uidMappings'
    config "$maps | .root.readonly=false | $(sh_c 'cat /proc/self/uid_map /proc/self/gid_map | tr -s " "; touch /tmp/f && chown 33:44 /tmp/f 2>&1 && stat -c "%u %g" /tmp/f; cat /proc/self/setgroups; id -G') | .process.user.additionalGids=[7] | .process.capabilities[]+=[\"CAP_CHOWN\"]"
    run W run --bundle "$T/b" c
    echo "$output"
    [ "$status" = 0 ]
    [ "$(head -4 <<<"$output" | tr '\n' ,)" = " 0 12345 1, 1 500000 999, 0 12345 1, 1 500000 999," ]
    [[ $output == *"33 44"*allow*"0 7" ]]
    [ "$(stat -c "%u %g" "$T/b/rootfs/tmp/f")" = "500032 500043" ]
    config '.linux.uidMappings=[{containerID:0,hostID:12345,size:1},{containerID:1,hostID:700000,size:10}] | .linux.gidMappings=.linux.uidMappings'
    run W run --bundle "$T/b" c
    [ "$status" = 1 ]
    [[ $output == *"linux.uidMappings: newuidmap"*"not allowed"* ]]
    # without the tools
    run U env PATH=/nowhere "$T/bin/wherry-runtime" --root "$T/root" run --bundle "$T/b" c
    [[ $output == *"linux.uidMappings: more than one's own id needs newuidmap, which is not in \$PATH"* ]]
    [ -z "$(ls -A "$T/root" | grep -v '^\.seccomp$')" ]
}

@test "what a user cannot have is refused with its reason; without a user namespace nothing goes" {
    local c want
    while read -r c; do
        want=${c#* => }
        config "${c% => *}"
        run W run --bundle "$T/b" c
        [ "$status" = 1 ] && [[ $output == *"$want"* ]] || { echo "$c: $output, not: $want"; return 1; }
        [ -z "$(ls -A "$T/root" | grep -v '^\.seccomp$')" ]
    done <<'LIST'
.linux.resources={pids:{limit:10}} => pids.max: there is no cgroup of the container's in pids: nobody delegated one to this user
.process.user.additionalGids=[5] => set additional groups
del(.linux.uidMappings,.linux.gidMappings) | .linux.namespaces|=map(select(.type!="user")) => ermitted
LIST
}

@test "as the root of a user namespace: no cgroups, devices bound, what engines of users do" {
    SCRIPT='id -u; hostname; ls -l /dev/null | busybox cut -c1-10; echo x >/dev/null && echo wrote; cat /proc/self/uid_map' \
        bundle c ".root.path=\"$T/b/rootfs\" | .hostname=\"inner\" | .process.args=[\"sh\",\"-c\",\$ENV.SCRIPT] | del(.linux.resources) | .mounts|=map(if .destination==\"/dev/pts\" then .options-=[\"gid=5\"] else . end)"
    chmod 755 "$T/c"
    run U unshare -rmpf --mount-proc sh -c "$T/bin/wherry-runtime --root $T/root run --bundle $T/c c"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *0*inner*crw-rw-rw-*wrote* ]]
    [ -z "$(ls -A "$T/root" | grep -v '^\.seccomp$')" ]
}

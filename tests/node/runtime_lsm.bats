#!/usr/bin/env bats
# AppArmor profiles, on a host that has it (the guest of tests/vm) in force, elsewhere refused.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

host_has_apparmor() { [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; }

@test "an AppArmor profile is in force for init and exec; a host without it refuses" {
    local profile=wherry-test-$$
    if ! host_has_apparmor; then
        bundle c ".process.apparmorProfile=\"$profile\""
        run R create --bundle "$T/c" c
        [ "$status" = 1 ]
        [[ $output == *'apparmor: config provided but apparmor not supported'* ]]
        in_container '.process.apparmorProfile="unconfined"' 'echo runs'
        [ "$output" = runs ]
        return
    fi
    mountpoint -q /sys/kernel/security || mount -t securityfs securityfs /sys/kernel/security
    printf 'profile %s flags=(attach_disconnected,mediate_deleted) {\n file,\n signal,\n capability,\n network,\n deny /etc/secret r,\n}\n' "$profile" | apparmor_parser -r
    echo secret >"$ROOTFS/etc/secret"
    bundle c ".process.apparmorProfile=\"$profile\" | $sleeper"
    R run --detach --bundle "$T/c" c
    [ "$(cat "/proc/$(pid_of c)/attr/apparmor/current")" = "$profile (enforce)" ]
    run R exec c cat /etc/secret
    [ "$status" = 1 ]
    [[ $output == *"Permission denied"* ]]
    run R exec --apparmor unconfined c cat /etc/secret
    [ "$output" = secret ]
    R delete --force c
    # with a user namespace, no new privileges, and not under a profile that is not there
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$ROOTFS"
    in_container ".process.apparmorProfile=\"$profile\" | .linux.namespaces+=[{type:\"user\"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=[{containerID:0,hostID:100000,size:65536}]" 'cat /proc/self/attr/apparmor/current; cat /etc/secret'
    [[ $output == *"$profile (enforce)"*"Permission denied"* ]]
    bundle c '.process.apparmorProfile="no-such-profile"'
    run R create --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *'process.apparmorProfile: '*'no-such-profile'* ]]
}

@test "labels of SELinux are refused where it is not" {
    [ ! -e /sys/fs/selinux/enforce ]
    local f
    for f in process.selinuxLabel linux.mountLabel; do
        bundle c ".$f=\"system_u:system_r:container_t:s0:c1,c2\""
        run R create --bundle "$T/c" c
        [ "$status" = 1 ]
        [[ $output == *"$f: \"system_u:system_r:container_t:s0:c1,c2\": selinux label is specified in config, but selinux is disabled"* ]]
    done
}

#!/usr/bin/env bats
# crun's annotations, as engines set them. Those of seccomp are in runtime_seccomp.bats.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

in_groups() { # LIST COMMAND...: R, called by a member of these groups
    setpriv --groups "$1" "$WHERRY_BIN/wherry-runtime" --root "$T/root" "${@:2}"
}
userns='.linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=[{containerID:0,hostID:100000,size:65536}]'

@test "keep_original_groups: run and exec have their caller's, by the config otherwise" {
    local keep='.annotations["run.oci.keep_original_groups"]="1"' groups='.process.args=["id","-G"] | .process.user.additionalGids=[9]'
    bundle c "$groups | $keep"
    [ "$(in_groups 7,8 run --bundle "$T/c" c)" = "0 7 8" ]
    bundle c "$groups"
    [ "$(in_groups 7,8 run --bundle "$T/c" c)" = "0 9" ]
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$ROOTFS"
    bundle c "$groups | $keep | $userns" # of nobody there
    [ "$(in_groups 7,8 run --bundle "$T/c" c)" = "0 65534 65534" ]
    bundle c "$sleeper | $keep"
    in_groups 7 run -d --bundle "$T/c" c
    [ "$(in_groups 10,11 exec c id -G)" = "0 10 11" ]
    [ "$(in_groups 10,11 exec --additional-gids 12 c id -G)" = "0 10 11" ]
}

@test "hooks.stdout and hooks.stderr: what hooks say is appended there, except for those inside" {
    local all='.hooks=([["prestart","createRuntime","createContainer","startContainer","poststart","poststop"][] |
        {key:.,value:[{path:"/bin/sh",args:["sh","-c","echo out \(.); echo err \(.) >&2"]}]}] | from_entries)' n
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$ROOTFS"
    for n in '.' "$userns"; do
        echo before >"$T/out"
        rm -f "$T/err"
        bundle c "$sleeper | $all | $n | .annotations={\"run.oci.hooks.stdout\":\"$T/out\",\"run.oci.hooks.stderr\":\"$T/err\"}"
        R create --bundle "$T/c" c
        R start c
        R delete --force c
        diff <(printf '%s\n' before "out prestart" "out createRuntime" "out createContainer" "out poststart" "out poststop") "$T/out"
        diff <(printf '%s\n' "err prestart" "err createRuntime" "err createContainer" "err poststart" "err poststop") "$T/err"
        [ "$(stat -c %a "$T/err")" = 600 ]
    done
    # one alone; what failed is named as ever
    rm -f "$T/err"
    bundle c "$sleeper | .annotations[\"run.oci.hooks.stderr\"]=\"$T/err\" | .hooks={createRuntime:[{path:\"/bin/sh\",args:[\"sh\",\"-c\",\"echo unseen; echo because >&2; exit 3\"]}]}"
    run R create --bundle "$T/c" c
    [[ $output == *"error running createRuntime hook #0: /bin/sh: exit status 3: because"* ]]
    [ "$(cat "$T/err")" = because ]
    refused "$all | .annotations[\"run.oci.hooks.stdout\"]=\"$T/none/out\"" "annotations: run.oci.hooks.stdout: open $T/none/out: no such file or directory"
}

@test "timens_offset; a mount_context_type that is none" {
    in_container '.annotations["run.oci.timens_offset"]="boottime 864000 0" | .linux.namespaces+=[{type:"time"}]' 'cat /proc/uptime'
    [ "${output%%.*}" -gt 864000 ]
    refused '.annotations["run.oci.timens_offset"]="1 5 0"' 'linux.timeOffsets: there is no new time namespace'
    refused '.annotations["run.oci.mount_context_type"]="size"' 'annotations: run.oci.mount_context_type: "size"'
}

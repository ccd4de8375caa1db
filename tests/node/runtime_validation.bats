#!/usr/bin/env bats
# What the specification demands of every runtime: the default container, its namespaces, devices, paths and
# process, the versions of a configuration.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

@test "the default container: file systems, devices, links, identity, limits" {
    in_container '.annotations={"a.b":"c"} | .process.env+=["X=y z"] | .process.oomScoreAdj=77' '
        for m in "/proc proc" "/dev tmpfs" "/dev/pts devpts" "/dev/shm tmpfs" "/dev/mqueue mqueue" "/sys sysfs"; do
            set -- $m; grep -q " $1 .* - $2 " /proc/self/mountinfo || echo "no $m"; done
        grep -E " (/dev/shm|/sys|/dev/pts) " /proc/self/mountinfo | busybox cut -d" " -f5,6
        for d in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
            [ "$(stat -c "%F:%t:%T:%a" /dev/${d%%:*})" = "character special file:${d#*:}:666" ] || stat -c "%n %F:%t:%T:%a" /dev/${d%%:*}; done
        readlink /dev/fd; readlink /dev/stdin; readlink /dev/stdout; readlink /dev/stderr; readlink /dev/ptmx
        pwd; echo "$X"; id -u; echo $$; ulimit -n; cat /proc/self/oom_score_adj; hostname; umask'
    echo "$output"
    [ "$status" = 0 ]
    [[ $output != *"no /"* ]]
    [[ $output == *"/dev/shm rw,nosuid,nodev,noexec"* && $output == *"/sys ro,nosuid,nodev,noexec"* && $output == *"/dev/pts rw,nosuid,noexec"* ]]
    [ "$(tail -13 <<<"$output" | tr '\n' ' ')" = "/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 pts/ptmx / y z 0 1 1024 77 wherry 0022 " ]
}

@test "versions: any minor of 1, newer ones too; what is not known is ignored; another major is refused" {
    local v
    for v in 1.0.0 1.0.2-dev 1.3.0 1.4.0 1.99.1-rc.1+x; do
        in_container ".ociVersion=\"$v\" | .later={a:[1]} | .process.later=1 | .linux.later={} | .root.later=null | .linux.resources.later=1" 'echo fine'
        [ "$output" = fine ] || { echo "$v: $output"; return 1; }
    done
    for v in 2.0.0 0.5.0 1 1. 1.x.0 "" 10.0.0 latest; do
        refused ".ociVersion=\"$v\"" "ociVersion: \"$v\""
    done
    refused 'del(.ociVersion)' ociVersion
    refused 'del(.process)' 'process: absent'
    refused 'del(.root)' 'root: absent'
    refused '.process.args=[]' 'process: args: must not be empty'
    refused '.process.args=null' 'process: args: must not be empty'
    refused '.process.cwd="relative"' 'process: cwd: "relative": must be an absolute path'
    refused '.process.env=["novalue"]' 'env[0]: "novalue"'
    refused '.process.user.uid=-1' 'process.user.uid: -1'
    refused '.process.user.umask=512' 'process.user.umask: 512'
    refused '.process.oomScoreAdj=1001' 'process.oomScoreAdj: 1001'
    refused '.root.path="nosuch"' 'root.path: '
    refused '.linux.rootfsPropagation="odd"' 'linux.rootfsPropagation: unknown "odd"'
}

@test "namespaces: a new one where there is no path, the host's where it is not listed, a given one by path" {
    local kinds="pid:pid network:net ipc:ipc uts:uts cgroup:cgroup user:user time:time" k file links
    bundle o "$sleeper | .linux.namespaces=[{type:\"mount\"},{type:\"pid\"},{type:\"network\"},{type:\"ipc\"},{type:\"uts\"},{type:\"cgroup\"},{type:\"time\"}]"
    R run --detach --bundle "$T/o" o
    links='for n in pid net ipc uts cgroup user time mnt; do echo $n $(readlink /proc/self/ns/$n); done'
    ns_of() { awk -v n="$1" '$1==n {print $2}' <<<"$output"; }
    # none but mount
    in_container 'del(.hostname) | .linux.namespaces=[{type:"mount"}] | .mounts|=map(select(.type!="sysfs" and .type!="mqueue" and .type!="cgroup")) | del(.linux.maskedPaths,.linux.readonlyPaths)' "$links"
    [ "$status" = 0 ]
    for k in $kinds; do
        file=${k#*:}
        [ "$(ns_of "$file")" = "$(readlink "/proc/self/ns/$file")" ] || { echo "$k is not the host's"; return 1; }
    done
    [ "$(ns_of mnt)" != "$(readlink /proc/self/ns/mnt)" ]
    # each by path
    for k in $kinds; do
        file=${k#*:}
        [ "$file" != user ] || continue
        in_container "del(.hostname) | .linux.namespaces|=(map(select(.type!=\"${k%:*}\"))+[{type:\"${k%:*}\",path:\"/proc/$(pid_of o)/ns/$file\"}])" "$links"
        [ "$status" = 0 ] && [ "$(ns_of "$file")" = "$(readlink "/proc/$(pid_of o)/ns/$file")" ] || { echo "$k: $output"; return 1; }
    done
    # all at once
    in_container "del(.hostname) | .linux.namespaces=[{type:\"mount\"}]+(\"pid:pid network:net ipc:ipc uts:uts cgroup:cgroup time:time\"|split(\" \")|map({type:split(\":\")[0],path:(\"/proc/$(pid_of o)/ns/\"+split(\":\")[1])}))" "$links"
    for k in pid net ipc uts cgroup time; do [ "$(ns_of $k)" = "$(readlink "/proc/$(pid_of o)/ns/$k")" ]; done
    refused '.linux.namespaces|=map(if .type=="ipc" then .path="/proc/self/ns/uts" else . end)' 'is not a ipc namespace'
    refused '.linux.namespaces|=map(if .type=="ipc" then .path="/no/such" else . end)' 'ipc namespace: open /no/such'
    refused '.linux.namespaces|=map(if .type=="ipc" then .path="/etc/passwd" else . end)' 'is not a ipc namespace'
    refused '.linux.namespaces|=map(if .type=="ipc" then .path="proc/self/ns/ipc" else . end)' 'is not absolute'
    refused '.linux.namespaces+=[{type:"ipc"}]' '"ipc" is listed twice'
    refused '.linux.namespaces|=map(select(.type!="mount"))' 'a new mount namespace is needed'
    refused '.linux.timeOffsets={monotonic:{secs:1}}' 'linux.timeOffsets: there is no new time namespace'
    refused '.linux.uidMappings=[{containerID:0,hostID:1,size:1}]' 'linux.uidMappings: there is no user namespace'
}

@test "devices: every type, mode and owner, anywhere; what is there already must be it" {
    ROOTFS=$T/fs
    make_rootfs "$ROOTFS"
    mkdir -p "$ROOTFS/opt"
    mknod -m 600 "$ROOTFS/opt/null" c 1 3
    in_container '.root.readonly=false | .linux.devices=[
        {path:"/dev/deep/er/c",type:"c",major:1,minor:5,fileMode:432,uid:5,gid:6},{path:"/dev/u",type:"u",major:1,minor:3},
        {path:"/opt/b",type:"b",major:7,minor:0,fileMode:384},{path:"/dev/p",type:"p",fileMode:416,gid:7},
        {path:"/opt/null",type:"c",major:1,minor:3},{path:"/dev/null",type:"c",major:1,minor:3,fileMode:438}]' '
        stat -c "%F %t %T %a %u %g" /dev/deep/er/c /dev/u /opt/b /dev/p /opt/null /dev/null'
    [ "$output" = "character special file 1 5 660 5 6
character special file 1 3 666 0 0
block special file 7 0 600 0 0
fifo 0 0 640 0 7
character special file 1 3 600 0 0
character special file 1 3 666 0 0" ] || { echo "$output"; return 1; }
    refused '.linux.devices=[{path:"/opt/null",type:"c",major:1,minor:5}]' 'device /opt/null: what is there is not the device 1:5'
    refused '.linux.devices=[{path:"/etc/passwd",type:"c",major:1,minor:5}]' 'device /etc/passwd: what is there is not the device'
    refused '.linux.devices=[{path:"/dev/x",type:"z"}]' 'linux.devices[0]: type: "z"'
    refused '.linux.devices=[{path:"dev/x",type:"c",major:1,minor:5}]' 'linux.devices[0]: path: "dev/x"'
    refused '.linux.devices=[{path:"/dev/../../x",type:"c",major:1,minor:5}]' 'linux.devices[0]: path'
    # in a user namespace the host's node is bound, a fifo made
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$T" "$ROOTFS"
    in_container '.linux.devices=[{path:"/dev/p",type:"p"},{path:"/dev/kmsg",type:"c",major:1,minor:11}] | .linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=[{containerID:0,hostID:100000,size:65536}]' 'stat -c "%F %t %T %u" /dev/p /dev/kmsg'
    [ "$output" = "fifo 0 0 0
character special file 1 b 65534" ] || { echo "$output"; return 1; }
}

@test "masked and read-only paths: files, folders, nested ones, links, devices, what is not there" {
    ROOTFS=$T/fs
    make_rootfs "$ROOTFS"
    mkdir -p "$ROOTFS/m/dir/sub" "$ROOTFS/r/dir/sub"
    local f
    for f in m/file m/dir/sub/file m/target r/file r/dir/sub/file r/target; do echo secret >"$ROOTFS/$f"; done
    ln -s target "$ROOTFS/m/link"
    ln -s target "$ROOTFS/r/link"
    mkfifo "$ROOTFS/m/fifo"
    in_container '.root.readonly=false | .linux.maskedPaths=["/m/file","/m/dir","/m/link","/m/fifo","/m/none","/m/file/none","/dev/zero"] |
        .linux.readonlyPaths=["/r/file","/r/dir","/r/link","/r/none","/r/file/none","/dev/full"]' '
        cat /m/file /m/link /m/target /m/dir/sub/file /dev/zero | wc -c; ls /m/dir | wc -l; touch /m/dir/x; timeout 5 head -c1 /m/fifo | wc -c
        for f in /r/file /r/link /r/target /r/dir/x /r/dir/sub/file; do echo x 2>/dev/null >$f && echo "wrote $f"; done; cat /r/file /r/dir/sub/file; mkdir /r/new && echo ok'
    echo "$output"
    grep -qx 0 <<<"$output"
    [[ $output != *secret*wrote* && $output != *wrote* ]]
    [[ $output == *"/m/dir/x': Read-only"* || $output == *"/m/dir/x: Read-only"* ]]
    [ "$(tail -3 <<<"$output" | tr '\n' ' ')" = "secret secret ok " ]
    [ "$(cat "$ROOTFS/m/file" "$ROOTFS/r/file" "$ROOTFS/m/target")" = "secret
secret
secret" ]
    in_container '.root.readonly=true' 'touch /x /etc/x /tmp/x; touch /dev/shm/y && echo ok; grep -E " / / r[ow]" /proc/self/mountinfo | busybox cut -d" " -f6'
    [ "$(grep -c "Read-only" <<<"$output")" = 3 ]
    [[ $output == *ok*ro,* || $output == *ok* ]]
}

@test "rootfs propagation: each kind is the root's, and nothing gets out" {
    local p
    for p in shared slave private unbindable rshared rslave rprivate runbindable; do
        in_container ".linux.rootfsPropagation=\"$p\" | .process.capabilities[]+=[\"CAP_SYS_ADMIN\"] | .root.readonly=false" '
            grep -E "^[0-9]+ [0-9]+ [0-9:]+ [^ ]+ / " /proc/self/mountinfo | tail -1 | grep -oE "shared|master|unbindable" || echo private
            mount -o bind /etc /data 2>/dev/null && echo bound; mount -o bind / /tmp 2>/dev/null && echo whole; true'
        [ "$status" = 0 ] || { echo "$p: $output"; return 1; }
        case $p in
        *unbindable) [ "${lines[0]}" = unbindable ] && [[ $output != *whole* ]] ;;
        *shared) [[ ${lines[0]} == shared && $output == *whole* ]] ;;
        *slave) [[ $output == *whole* ]] ;;
        *private) [[ ${lines[0]} == private && $output == *whole* ]] ;;
        esac || { echo "$p: $output"; return 1; }
    done
    ! grep -F "$ROOTFS" /proc/self/mountinfo
    # a rootfs on a mount that is shared, as most hosts have them
    run unshare -m bash -c '
        source '"$BATS_TEST_DIRNAME"'/runtime.bash
        T='"$T"' CG='"$CG"' ROOTFS=$T/fs
        mkdir $T/fs; mount -t tmpfs t $T/fs; mount --make-shared $T/fs; make_rootfs $T/fs
        export SCRIPT="echo runs"
        for p in shared rshared rslave; do run_in c ".linux.rootfsPropagation=\"$p\""; done; grep -c " $T/fs" /proc/self/mountinfo'
    [ "$output" = "runs
runs
runs
1" ] || { echo "$output"; return 1; }
}

@test "no-pivot: the rootfs is / all the same, read-only, with its mounts" {
    bundle c '.process.args=["sh","-c","ls -d /bin /proc/self; pwd; touch /x; ls /.. | wc -l; ls / | wc -l; cd ../../..; pwd; cat /proc/keys"] | .root.readonly=true'
    run R run --no-pivot --bundle "$T/c" c
    [ "$status" = 0 ]
    [[ $output == *"/bin"*"/x: Read-only"* ]]
    [ "$(sed -n '/Read-only/!p' <<<"$output" | tail -3 | head -1)" = "$(ls "$ROOTFS" | wc -l)" ]
    [ "${lines[-1]}" = / ]
    refused '.root.path="nosuch"' root.path
}

#!/usr/bin/env bats
# What config.json says, seen from inside the container.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

@test "mounts: bind, options, tmpfs, propagation, files" {
    mkdir -p "$T/src/sub"
    echo one >"$T/src/file"
    in_container ".mounts+=[
        {destination:\"/data/ro\",type:\"bind\",source:\"$T/src\",options:[\"rbind\",\"ro\",\"nosuid\",\"nodev\",\"noexec\"]},
        {destination:\"/data/rw\",type:\"bind\",source:\"$T/src\",options:[\"bind\",\"rprivate\"]},
        {destination:\"/etc/one\",type:\"bind\",source:\"$T/src/file\",options:[\"bind\",\"rro\"]},
        {destination:\"/tmp/deep/er\",type:\"tmpfs\",source:\"t\",options:[\"size=1m\",\"mode=700\",\"noatime\"]},
        {destination:\"/tmp/ro\",type:\"tmpfs\",source:\"t\",options:[\"ro\"]}
        ] | .root.readonly=false" 'cat /data/ro/file /etc/one; touch /data/ro/x; touch /etc/one; touch /tmp/ro/x
        touch /data/rw/new && echo wrote; stat -c %a /tmp/deep/er; grep -E " /(data|tmp|etc)" /proc/self/mountinfo'
    [ "$status" = 0 ]
    [[ $output == *one*one*"Read-only file system"*"Read-only file system"*"Read-only file system"*wrote*700* ]]
    [[ $output == *"/data/ro ro,nosuid,nodev,noexec,relatime"* ]]
    [[ $output == *"/tmp/deep/er rw,noatime"*size=1024k* ]]
    [ -e "$T/src/new" ]
    rm -rf "$ROOTFS/data/ro" "$ROOTFS/data/rw" "$ROOTFS/etc/one" "$ROOTFS/tmp/deep" "$ROOTFS/tmp/ro"
}

@test "mounts: recursive attributes, shared propagation from the host" {
    run unshare -m bash -c '
        source '"$BATS_TEST_DIRNAME"'/runtime.bash
        T='"$T"' CG='"$CG"' ROOTFS='"$ROOTFS"'
        mkdir -p $T/a/b $T/s
        mount -t tmpfs t $T/a; mkdir $T/a/b; mount -t tmpfs t2 $T/a/b
        mount -t tmpfs s $T/s; mount --make-shared $T/s
        export SCRIPT="touch /tmp/x/y; touch /tmp/x/b/y; until [ -e /tmp/s/in ]; do sleep 0.05; done; until [ -e /tmp/s/sub/here ]; do sleep 0.05; done; echo seen"
        run_in c ".mounts+=[{destination:\"/tmp/x\",type:\"bind\",source:\"$T/a\",options:[\"rbind\",\"rro\"]},
          {destination:\"/tmp/s\",type:\"bind\",source:\"$T/s\",options:[\"rbind\",\"rslave\"]}] | .mounts|=(.[0:1]+[{destination:\"/tmp\",type:\"tmpfs\",source:\"t\"}]+.[1:])" >$T/out 2>&1 &
        container=$!
        until_true eval "[ \$(status_of c) = running ]"
        touch $T/s/in
        mkdir $T/s/sub; mount -t tmpfs sub $T/s/sub; touch $T/s/sub/here
        wait $container; cat $T/out'
    [[ $output == *"/tmp/x/y: Read-only"*"/tmp/x/b/y: Read-only"*seen* ]]
}

@test "mounts: shared with the host below a rootfs that is shared" {
    run unshare -m bash -c '
        source '"$BATS_TEST_DIRNAME"'/runtime.bash
        T='"$T"' CG='"$CG"' ROOTFS='"$ROOTFS"'
        mkdir -p $T/s $T/host
        mount -t tmpfs s $T/s; mkdir $T/s/sub; mount -t tmpfs sub $T/s/sub
        mount --make-rshared /
        export SCRIPT="mount -t tmpfs inside /data/sub && echo mounted"
        run_in c ".linux.rootfsPropagation=\"shared\" | .process.capabilities[]+=[\"CAP_SYS_ADMIN\"] |
            .mounts+=[{destination:\"/data\",type:\"bind\",source:\"$T/s\",options:[\"rbind\",\"rshared\"]}]" </dev/null
        grep -c "^inside $T/s/sub " /proc/mounts
        grep -c "^sub $T/s/sub " /proc/mounts'
    [ "$output" = $'mounted\n1\n1' ] # what was mounted inside, and nothing of the host unmounted
}

@test "masked and read-only paths; devices; links" {
    in_container . 'cat /proc/keys /proc/timer_list /proc/interrupts | wc -c; ls /sys/firmware | wc -l; ls /proc/acpi 2>/dev/null | wc -l
        echo 1 > /proc/sys/kernel/printk; mknod /dev/m c 1 1 && cat /dev/m
        ls -l /dev | grep -E "^(c|l)"; echo z > /dev/null && head -c 3 /dev/zero | wc -c; touch /x; grep " / " /proc/self/mountinfo'
    [ "${lines[0]}" = 0 ] && [ "${lines[1]}" = 0 ] && [ "${lines[2]}" = 0 ]
    [[ $output == *"printk: Read-only"* ]]
    for d in null zero full random urandom tty; do [[ $output =~ crw-rw-rw-.*$d ]]; done
    for l in "fd -> /proc/self/fd" "stdin -> /proc/self/fd/0" "ptmx -> pts/ptmx"; do [[ $output == *"$l"* ]]; done
    [[ $output == *"/x: Read-only"*" / / ro"* || $output == *"/x: Read-only"* ]]
}

@test "device rules: what is not allowed is refused" {
    in_container '.process.capabilities[]+=["CAP_MKNOD"] | .linux.resources.devices=[{allow:false,access:"rwm"},{allow:true,type:"c",major:1,minor:250,access:"r"}] |
        .linux.devices=[{path:"/dev/net/tun",type:"c",major:10,minor:200,fileMode:384,uid:5,gid:6},{path:"/dev/mem2",type:"c",major:1,minor:1}]' '
        mknod /dev/disk b 8 0; cat /dev/disk; cat /dev/mem2 | head -c1;  mknod /dev/odd c 1 250; cat /dev/odd; echo > /dev/odd
        stat -c "%a %u %g" /dev/net/tun; head -c 1 /dev/urandom | wc -c'
    [ "$(grep -c 'Operation not permitted' <<<"$output")" = 3 ]
    [[ $output == *"/dev/odd': No such device"* ]] # reading was allowed, and found nothing
    [[ $output == *"600 5 6"* ]]
}

@test "no device rules at all: everything else is denied" {
    in_container '.process.capabilities[]+=["CAP_MKNOD"] | del(.linux.resources)' 'mknod /dev/disk c 1 1; head -c1 /dev/disk; head -c1 /dev/zero | wc -c'
    [[ $output == *"not permitted"*1 ]]
}

@test "identity: user, groups, umask, capabilities, no_new_privs, HOME" {
    in_container '.process.user={uid:1000,gid:1001,additionalGids:[5,6],umask:63} | .process.capabilities={bounding:["CAP_CHOWN","CAP_KILL"],effective:["CAP_KILL"],permitted:["CAP_KILL"],inheritable:["CAP_KILL"],ambient:["CAP_KILL"]}' '
        id -u; id -g; id -G; umask; echo $HOME; grep -E "Cap|NoNew|Seccomp:" /proc/self/status'
    [ "${lines[0]} ${lines[1]} ${lines[2]} ${lines[3]} ${lines[4]}" = "1000 1001 1001 5 6 0077 /home/app" ]
    [[ $output == *"CapPrm:	0000000000000020"*"CapEff:	0000000000000020"*"CapBnd:	0000000000000021"*"CapAmb:	0000000000000020"*"NoNewPrivs:	1"* ]]
    in_container 'del(.process.capabilities) | .process.noNewPrivileges=false' 'grep -E "Cap|NoNew" /proc/self/status'
    [[ $output == *"CapEff:	0000000000000000"*"CapBnd:	0000000000000000"*"NoNewPrivs:	0"* ]]
    in_container '.process.env+=["HOME=/elsewhere","HOME="]' 'echo $HOME; env | grep -c ^HOME'
    [ "$output" = "/root
1" ]
    in_container '.process.capabilities[]+=["CAP_ODD"]' 'echo fine'
    [[ $output == *"unknown or unavailable capabilities: [CAP_ODD]"*fine* ]]
    in_container '.process.capabilities={bounding:["CAP_KILL"],permitted:["CAP_KILL"],inheritable:["CAP_KILL"],ambient:["CAP_KILL","CAP_CHOWN"]}' 'grep CapAmb /proc/self/status'
    [[ $output == *"can't raise ambient capability CAP_CHOWN: "*"CapAmb:	0000000000000020"* ]]
}

@test "limits: rlimits, oom_score_adj, cgroups" {
    in_container '.process.rlimits=[{type:"RLIMIT_NOFILE",hard:200,soft:100},{type:"RLIMIT_CORE",hard:1000,soft:0}] | .process.oomScoreAdj=321' '
        ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj'
    [ "$(tail -3 <<<"$output" | tr '\n' ' ')" = "100 200 321 " ]
    bundle c "$sleeper | .linux.resources+={memory:{limit:67108864},cpu:{shares:512,quota:50000,period:100000},pids:{limit:30}}"
    R run --detach --bundle "$T/c" c
    [ "$(cat "$(cg_file pids pids.max)")" = 30 ]
    if is_v2; then
        [ "$(cat "$(cg_file memory memory.max)")" = 67108864 ]
        [ "$(cat "$(cg_file cpu cpu.max)")" = "50000 100000" ]
        [ "$(cat "$(cg_file cpu cpu.weight)")" = 59 ] # as runc weighs 512 shares
    else
        [ "$(cat "$(cg_file memory memory.limit_in_bytes)")" = 67108864 ]
        [ "$(cat "$(cg_file cpu cpu.cfs_quota_us)")" = 50000 ]
        [ "$(cat "$(cg_file cpu cpu.shares)")" = 512 ]
    fi
    grep -vq "/$CG/c$" "/proc/$(pid_of c)/cgroup" && return 1
    [ "$(R exec c cat /proc/self/cgroup)" = "$(R exec c cat /proc/1/cgroup)" ]
}

@test "seccomp: actions, arguments, the cache, exec, without no_new_privs" {
    local profile='{defaultAction:"SCMP_ACT_ALLOW",architectures:["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],syscalls:[
        {names:["mkdir","mkdirat","no_such_call"],action:"SCMP_ACT_ERRNO",errnoRet:95},
        {names:["kill"],action:"SCMP_ACT_ERRNO",args:[{index:1,value:10,op:"SCMP_CMP_EQ"}]}]}'
    local nnp
    for nnp in true false; do
        in_container ".linux.seccomp=$profile | .process.noNewPrivileges=$nnp" 'mkdir /tmp/x; kill -10 $$; kill -0 $$ && echo alive; grep -E "Seccomp:|CapPrm" /proc/self/status'
        [[ $output == *"not supported"*"not permitted"*alive*"CapPrm:	0000000020000420"*"Seccomp:	2"* ]]
    done
    [ "$(ls "$T/root/.seccomp" | wc -l)" = 1 ]
    bundle c "$sleeper | .linux.seccomp=$profile"
    R run --detach --bundle "$T/c" c
    run R exec c sh -c 'mkdir /tmp/x; grep Seccomp: /proc/self/status'
    [[ $output == *"not supported"*"Seccomp:	2"* ]]
    R delete --force c
    # one that was tampered with is compiled anew
    local f
    f=$(echo "$T"/root/.seccomp/*)
    head -c 200 "$f" >"$T/cut"
    cat "$T/cut" >"$f"
    in_container ".linux.seccomp=$profile" 'mkdir /tmp/x'
    [[ $output == *"not supported"* ]]
}

@test "namespaces: hostname, sysctl, time offsets, cgroup; joining by path" {
    in_container '.hostname="h1" | .domainname="d1" | .linux.sysctl={"net.ipv4.ip_forward":"1","kernel.msgmax":"4096","net/ipv4/conf/lo/forwarding":"1"} |
        .linux.namespaces+=[{type:"time"}] + (if any(.linux.namespaces[];.type=="cgroup") then [] else [{type:"cgroup"}] end) | .linux.timeOffsets={boottime:{secs:864000},monotonic:{secs:86400,nanosecs:5}}' '
        hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax; cut -d. -f1 /proc/uptime 2>/dev/null || cat /proc/uptime; cat /proc/self/cgroup; ls /sys/class/net; cat /proc/1/comm'
    [ "${lines[0]} ${lines[1]} ${lines[2]} ${lines[3]}" = "h1 d1 1 4096" ]
    [ "${lines[4]%%.*}" -gt 864000 ]
    grep -E '^0?:?.*:/$' <<<"$output"
    bundle c "$sleeper"
    R run --detach --bundle "$T/c" c
    local p
    p=$(pid_of c)
    export SCRIPT='readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts; readlink /proc/self/ns/pid; echo $$'
    run run_in d "del(.hostname) | .linux.namespaces|=map(if .type==\"network\" then .path=\"/proc/$p/ns/net\" elif .type==\"ipc\" then .path=\"/proc/$p/ns/ipc\" elif .type==\"uts\" then .path=\"/proc/$p/ns/uts\" elif .type==\"pid\" then .path=\"/proc/$p/ns/pid\" else . end)"
    [ "$status" = 0 ]
    local n i=0
    for n in net ipc uts pid; do
        [ "${lines[$i]}" = "$(readlink "/proc/$p/ns/$n")" ]
        i=$((i + 1))
    done
    [ "${lines[4]}" != 1 ]
}

userns='.linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=[{containerID:0,hostID:200000,size:1000},{containerID:1000,hostID:300000,size:1000}]'

@test "user namespaces: one in which nobody is root" {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$ROOTFS"
    bundle c "$sleeper"' | .linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:1000,hostID:100000,size:1}] | .linux.gidMappings=.linux.uidMappings |
        .process.user={uid:1000,gid:1000} | (.mounts[]|select(.destination=="/dev/pts").options)-=["gid=5"]'
    R run --detach --bundle "$T/c" c
    run R exec c sh -c 'id -u; id -g; busybox tr -s " " </proc/self/uid_map; stat -c %u /dev/shm; echo x >/dev/null'
    [ "${lines[*]}" = "1000 1000  1000 100000 1 1000" ]
}

@test "user namespaces: maps, devices, mounts, exec; joined with others by path" {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$ROOTFS"
    mkdir -p "$T/private"
    echo secret >"$T/private/f"
    chmod 700 "$T/private"
    touch "$ROOTFS/etc/f" # the container's root may not make it
    in_container "$userns | .mounts+=[{destination:\"/etc/f\",type:\"bind\",source:\"$T/private/f\",options:[\"bind\",\"ro\"]}] | .root.readonly=true" '
        id -u; cat /proc/self/uid_map | tr -s " "; cat /proc/self/gid_map | wc -l; cat /etc/f; echo x > /dev/null && echo null; ls -l /dev/zero; touch /x; hostname'
    [[ $output != *error* ]]
    [ "${lines[0]}" = 0 ]
    [[ $output == *"0 100000 65536"*2*secret*null* ]]
    rm -f "$ROOTFS/etc/f"
    bundle c "$userns | $sleeper"
    R run --detach --bundle "$T/c" c
    [ "$(awk '/^Uid/{print $2}' "/proc/$(pid_of c)/status")" = 100000 ]
    run R exec --user 1000:1000 c sh -c 'id -u; id -g; readlink /proc/self/ns/user'
    [ "$status" = 0 ]
    [ "${lines[2]}" = "$(readlink "/proc/$(pid_of c)/ns/user")" ]
    local p
    p=$(pid_of c)
    export SCRIPT='id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/net'
    run run_in d "del(.hostname) | .linux.namespaces|=map(if .type==\"network\" then .path=\"/proc/$p/ns/net\" else . end) + [{type:\"user\",path:\"/proc/$p/ns/user\"}]"
    [ "$status" = 0 ]
    [ "${lines[1]}" = "$(readlink "/proc/$p/ns/user")" ]
    [ "${lines[2]}" = "$(readlink "/proc/$p/ns/net")" ]
}

@test "hooks: all six, in their order and place, with the state on stdin; a failing one, a slow one" {
    cat >"$T/hook" <<END
#!/bin/sh
read -r state
echo "\$1 \$(echo "\$state" | sed 's/.*"status":"\\([a-z]*\\)".*/\\1/') \$X" >> $T/log
END
    chmod 755 "$T/hook"
    mkdir -p "$ROOTFS$T"
    local h
    h() { echo "[{path:\"${2:-$T/hook}\",args:[\"hook\",\"$1\"],env:[\"X=$1\"]}]"; }
    bundle c "$sleeper | .mounts+=[{destination:\"$T\",type:\"bind\",source:\"$T\",options:[\"bind\"]}] | .hooks={prestart:$(h prestart),createRuntime:$(h createRuntime),createContainer:$(h createContainer),startContainer:$(h startContainer),poststart:$(h poststart),poststop:$(h poststop)}"
    R create --bundle "$T/c" c
    [ "$(tr '\n' , <"$T/log")" = "prestart creating prestart,createRuntime creating createRuntime,createContainer creating createContainer," ]
    R start c
    [ "$(tail -2 "$T/log" | tr '\n' ,)" = "startContainer created startContainer,poststart running poststart," ]
    R delete --force c
    [ "$(tail -1 "$T/log")" = "poststop stopped poststop" ]
    rm -rf "$ROOTFS/tmp/"*
    bundle c "$sleeper | .hooks={createRuntime:[{path:\"/bin/sh\",args:[\"sh\",\"-c\",\"echo because >&2; exit 3\"]}]}"
    run R create --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *"error running createRuntime hook #0: /bin/sh: exit status 3: because"* ]]
    [ -z "$(R list -q)" ]
    bundle c "$sleeper | .hooks={poststart:[{path:\"/bin/sleep\",args:[\"sleep\",\"1000\"],timeout:1}]}"
    run R run --detach --bundle "$T/c" c
    [ "$status" = 1 ]
    [[ $output == *"still running after 1 s"* ]]
    [ -z "$(R list -q)" ]
}

@test "the working directory is made where it is missing, and is inside" {
    ROOTFS=$T/fs
    make_rootfs "$ROOTFS"
    in_container '.process.cwd="/new/dir" | .root.readonly=false' 'pwd; stat -c "%a %u" .'
    [ "$output" = "/new/dir
755 0" ]
    in_container '.process.cwd="/etc/passwd"' 'pwd'
    [ "$status" = 1 ]
    [[ $output == *"process.cwd"* ]]
}

@test "cgroups are read-only inside and show the container's own" {
    in_container . 'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/x; echo 0 > $d/cgroup.procs; done 2>&1 | grep -vc -E "Read-only|Not a dir|nonexistent|No such"; true; cat /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/pids/cgroup.procs 2>/dev/null | head -1'
    [ "${lines[0]}" = 0 ]
    [ "${lines[1]}" = 1 ]
}

@test "no-pivot, keyring, personality, scheduling" {
    bundle c '.process.args=["sh","-c","ls -d /bin /nope; cat /proc/self/sched | head -1"]'
    run R run --no-pivot --bundle "$T/c" c
    [[ $output == */bin* ]]
    in_container '.linux.personality={domain:"LINUX32"} | .process.ioPriority={class:"IOPRIO_CLASS_IDLE"} | .process.scheduler={policy:"SCHED_BATCH",nice:5}' 'busybox uname -m; busybox cut -d" " -f41 /proc/self/stat'
    [ "${lines[0]}" = i686 ]
    [ "${lines[1]}" = 3 ]
}

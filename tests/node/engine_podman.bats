#!/usr/bin/env bats
# podman (with conmon) drives wherry-runtime: every command says what it says with runc. engines.bash tells how.

load leak.bash
load engines.bash

setup_file() {
    engines_setup
    podman_configure
    export CONTAINERS_CONF CONTAINERS_STORAGE_CONF TMPDIR=$ENGINES/tmp HOME=$ENGINES
    RUNTIME=$RUNC world bash -c 'P load -q -i "$ENGINES/image.tar"'
}
teardown_file() { engines_teardown; }
teardown() {
    nothing_left
    [ -z "${ROOTLESS:-}" ] || rm -rf "$ROOTLESS"
}

P() { timeout --foreground 60 podman --tmpdir "$ENGINES/tmpdir" --runtime "$RUNTIME" "$@"; }
podrun() { # OPTIONS...: in a container without a network, in our cgroups
    P run --network none --cgroup-parent "$ENGINES_CG" "$@"
}
cgroups() { find /sys/fs/cgroup -type d -path "*$ENGINES_CG/*" -name 'libpod-*'; } # others are podman's own
nothing_left() { # of the containers, which each test has removed itself
    [ -z "$(RUNTIME=$OURS world bash -c 'P ps -aq')" ]
    until_true eval '[ -z "$(cgroups)" ]' || { cgroups; return 1; }
    ! world grep "$ENGINES/root/overlay/" /proc/mounts
}
export -f P podrun

commands() {
    say podrun --rm $IMAGE sh -c 'echo err >&2; exit 7'
    say podrun --rm $IMAGE nope
    say podrun --rm $IMAGE /nope
    say podrun --rm $IMAGE /etc
    say podrun --rm $IMAGE /etc/passwd
    say podrun --rm --entrypoint '["sh","-c","echo entry"]' $IMAGE
    say_status podrun --rm -w /etc/passwd $IMAGE true
    say podrun --rm -w /home -u 1234 $IMAGE sh -c 'pwd; echo $HOME'
    say podrun --rm -u nosuch $IMAGE true
    say podrun --rm -u www-data:tty --group-add 99 $IMAGE id
    echo hello | podrun -i --rm $IMAGE cat
    say podrun --rm --init --hostname h1 -e A=b --ulimit nofile=100:200 --ulimit nproc=99 --ulimit core=0 $IMAGE \
        sh -c 'cat /proc/1/comm; hostname; echo $A; ulimit -n; ulimit -Hn; ulimit -c'
}
@test "run: commands, users, what cannot be run" {
    both commands
    said '-> 7' '-> 127' '-> 126' entry 'uid=33(www-data) gid=5(tty) groups=5(tty),99' hello h1 200 \
        'Error: RUNTIME: unable to start container process: exec: "nope": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found'
}

@test "run --group-add keep-groups: the caller's, where runc has none" {
    RUNTIME=$OURS run world setpriv --groups 7,8 bash -c 'podrun --rm --group-add keep-groups $IMAGE id -G'
    [ "$output" = "0 7 8" ] || { echo "$output"; return 1; }
}

host() {
    say podrun --rm --sysctl kernel.shm_rmid_forced=1 --sysctl net.ipv4.ip_forward=1 --device /dev/null:/dev/mynull:rwm --cgroupns private $IMAGE \
        sh -c 'cd /proc/sys; cat kernel/shm_rmid_forced net/ipv4/ip_forward; stat -c "%F %t,%T %a" /dev/mynull; echo x >/dev/mynull; cut -d: -f2- /proc/self/cgroup'
    say_status podrun --rm --sysctl net.ipv4.nosuch=1 $IMAGE true
    mknod "$ENGINES/odd.$N" c 1 250 # opened by whom the rules allow it, there is no such device
    say podrun --rm --device "$ENGINES/odd.$N:/dev/odd:r" $IMAGE sh -c 'cat /dev/odd; echo >/dev/odd'
    say podrun --rm --device /dev/nosuch $IMAGE true
    say P run --rm --cgroup-parent "$ENGINES_CG" --network host --pid host --cgroupns host $IMAGE \
        sh -c 'cat /proc/1/comm; cut -d: -f2- /proc/self/cgroup; ls /sys/class/net; ip -o addr | grep -c 127.0.0.1'
    say podrun --rm --uidmap 0:100000:65536 --gidmap 0:200000:65536 --init $IMAGE \
        sh -c 'id -u; cat /proc/self/uid_map /proc/self/gid_map; touch /x; stat -c "%n %u %g" /x /etc/passwd /proc/1'
    say podrun --rm --uidmap 0:100000:65536 -u 150:160 $IMAGE sh -c 'id -u; id -g'
}
@test "run: namespaces, id maps, devices, sysctls" {
    both host
    said lo 'character special file 1,3 666' "cat: can't open '/dev/odd': No such device or address" "sh: can't create /dev/odd: Operation not permitted" '         0     100000      65536' 150
}

security() {
    local profile=$ENGINES/seccomp.$N
    say podrun --rm $IMAGE grep -E 'Cap|NoNew|Seccomp:|Groups' /proc/self/status
    say podrun --rm --cap-drop chown --cap-add sys_admin,net_admin --security-opt seccomp=unconfined $IMAGE grep -E 'Cap|Seccomp:' /proc/self/status
    say podrun --rm --cap-drop all --cap-add net_bind_service -u 33 --security-opt no-new-privileges $IMAGE grep -E 'Cap|NoNew' /proc/self/status
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":38},
        {"names":["chmod","fchmodat"],"action":"SCMP_ACT_ERRNO"}]}' >"$profile"
    say podrun --rm --security-opt seccomp="$profile" $IMAGE sh -c 'mkdir /tmp/x; chmod 1 /tmp'
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_KILL_PROCESS"}]}' >"$profile"
    say podrun --rm --security-opt seccomp="$profile" $IMAGE mkdir /tmp/x
    echo '{"defaultAction":"SCMP_ACT_NOSUCH"}' >"$profile"
    say_status podrun --rm --security-opt seccomp="$profile" $IMAGE true
    say podrun --rm --read-only --read-only-tmpfs=false $IMAGE sh -c 'touch /x; touch /tmp/x; touch /dev/shm/x'
    say podrun --rm --privileged $IMAGE grep -E 'CapEff|Seccomp:' /proc/self/status
    say podrun --rm --security-opt mask=/proc/uptime --security-opt unmask=/proc/timer_list $IMAGE sh -c 'exec 2>&1; cat /proc/uptime
        stat -c %F /proc/timer_list; cat /proc/kcore; ls /sys/firmware | wc -l; echo 1 >/proc/sys/kernel/panic; echo x >/proc/sysrq-trigger'
    # paths and whether they are read-only; a mask's own options and a cgroup2 beside v1 are better than runc's
    say podrun --rm $IMAGE sh -c 'sed -E "s/^[^ ]+ ([^ ]+) [^ ]+ (r[ow]).*/\1 \2/; /fs.cgroup/d" /proc/mounts | sort'
    say podrun --rm $IMAGE sh -c 'stat -c "%n %F %t,%T %u %g %a" /dev/* | sort; ls -l /dev/ptmx /dev/fd | sed "s/.* //"'
}
@test "run: capabilities, seccomp, read-only, masked paths" {
    both security
    said 'CapEff:	0000000000000400' 'NoNewPrivs:	1' 'Seccomp:	0' 'Seccomp:	2' "mkdir: can't create directory '/tmp/x': Function not implemented" \
        '-> 159' 'touch: /x: Read-only file system' 'chmod: /tmp: Operation not permitted' '/proc/acpi ro'
}

life() {
    say podrun -d --name c-$N $IMAGE sh -c 'trap "echo got; exit 3" TERM; trap "echo hup" HUP; echo ready; while :; do sleep 0.05; done'
    until_true bash -c "P logs c-$N | grep -q ready"
    say P ps -a --filter name=c-$N --format '{{.Names}} {{.Command}}'
    say P kill -s HUP c-$N
    until_true bash -c "P logs c-$N | grep -q hup"
    say P pause c-$N
    say P inspect c-$N --format '{{.State.Status}}'
    say P pause c-$N
    say P exec c-$N true
    say P unpause c-$N
    say P unpause c-$N
    say bash -c "P top c-$N pid comm | grep -w 1"
    say P stop -t 20 c-$N
    say P wait c-$N
    say P logs c-$N
    say P inspect c-$N --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}'
    say P kill c-$N
    say P stop c-$N
    say P start c-$N
    say P restart -t 0 c-$N
    say P inspect c-$N --format '{{.State.Status}} {{.State.ExitCode}}'
    say P kill c-$N
    say P wait c-$N
    say P rm c-$N
    say P rm c-$N
}
@test "a life: logs, kill, pause, stop, restart, rm" {
    both life
    said hup got 'exited 3 false' paused 137
}

made() {
    say P create --name c-$N --network none --cgroup-parent "$ENGINES_CG" $IMAGE echo created
    say P init c-$N
    say P ps -a --filter name=c-$N --format '{{.State}}'
    say P start -a c-$N
    say P start -a c-$N
    say P rm c-$N
    say P create --name c-$N --network none --cgroup-parent "$ENGINES_CG" $IMAGE nope
    say P start c-$N
    say P start c-$N
    say P inspect c-$N --format '{{.State.Status}} {{.State.ExitCode}}'
    say P rm c-$N
}
@test "create, init, start; start of what cannot be started" {
    both made
    said created Initialized
}

more() {
    say podrun -d --name c-$N $IMAGE sleep 1000
    say P exec c-$N sh -c 'echo err >&2; exit 42'
    say P exec c-$N nope
    say P exec c-$N /nope
    say P exec c-$N /etc
    say_status P exec -w /nodir c-$N pwd
    say P exec -w /tmp -e A=b -u www-data c-$N sh -c 'id; pwd; echo $A $HOME'
    say P exec --privileged c-$N grep CapEff /proc/self/status
    say P exec c-$N grep -E 'CapEff|Seccomp:|NoNew' /proc/self/status
    echo input | P exec -i c-$N cat
    say P exec -d c-$N sh -c 'echo detached >/tmp/d'
    until_true P exec c-$N grep detached /tmp/d
    say P exec --preserve-fds 1 c-$N sh -c 'cat <&3' 3<<<"from three"
    say_tty 33 99 "P exec -it c-$N sh -c 'tty; $sized 33 99; exit 4'"
    say_tty 33 99 "P exec -it c-$N nope"
    say P rm -f -t 0 c-$N
}
@test "exec: status, users, descriptors, a terminal of the caller's size" {
    both more
    said '-> 42' '-> 127' '-> 126' input 'from three' '33 99' '-> 4' /dev/pts/0
}

attached() {
    say_tty 30 90 "podrun --rm -it $IMAGE sh -c 'tty; $sized 30 90; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; stat -c %F /dev/console; exit 9'"
    say podrun -dt --name t-$N $IMAGE sh -c 'read x; echo got $x; exit 5'
    say bash -c "(echo hello; P wait t-$N) | script -qec 'P attach t-$N' /dev/null | grep -o 'got hello'"
    say P logs t-$N
    say P rm t-$N
}
@test "terminals: run -it, attach" {
    both attached
    said /dev/pts/0 all '30 90' '-> 9' 'got hello'
}

limits() {
    local files='cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us pids/pids.max cpuset/cpuset.cpus'
    say podrun -d --name c-$N --memory 64m --memory-reservation 32m --cpus 0.5 --cpu-shares 77 --pids-limit 33 --cpuset-cpus 0 $IMAGE sleep 1000
    say P exec c-$N sh -c "$files"
    say P exec c-$N sh -c 'grep -v 10:200 /sys/fs/cgroup/devices/devices.list | sort'
    say P update --memory 128m c-$N
    say P update --cpus 1.5 --cpu-shares 99 c-$N
    say P exec c-$N sh -c "$files"
    say_status P update --memory 1 c-$N
    say_status P update --cpuset-cpus 777 c-$N
    say P exec c-$N sh -c "$files"
    say P rm -f -t 0 c-$N
    say podrun --rm --pids-limit 3 $IMAGE sh -c 'sleep 0.1 & sleep 0.1 & sleep 0.1 & sleep 0.1; wait'
    say podrun --name o-$N --memory 16m $IMAGE dd if=/dev/zero of=/dev/null bs=64M count=1
    say P inspect o-$N --format '{{.State.ExitCode}}'
    say P rm o-$N
    say_status podrun --rm --memory 1k $IMAGE true
    say_status podrun --rm --cpuset-cpus 555 $IMAGE true
    say podrun --rm --memory 32m --memory-swappiness 10 --oom-kill-disable --oom-score-adj 500 $IMAGE head -n 1 /sys/fs/cgroup/memory/memory.swappiness /sys/fs/cgroup/memory/memory.oom_control /proc/self/oom_score_adj
    say podrun --rm --cgroups disabled $IMAGE sh -c 'cut -d: -f2- /proc/self/cgroup'
}
@test "limits: memory, cpu, pids; update" {
    [ -d /sys/fs/cgroup/memory ] || skip "the files looked at are those of cgroup v1"
    both limits
    said 67108864 134217728 150000 77 99 33 "sh: can't fork: Resource temporarily unavailable" 137 'oom_kill_disable 1'
}

volumes() {
    local v=$ENGINES/v-$N
    mkdir -p "$v/sub" && echo data >"$v/f" && chown 33:33 "$v/f"
    say podrun --rm -v "$v:/v:ro" -v "$v:/w" -v "$v/f:/etc/f:ro" -v "$v/f:/data/deep/er/f" $IMAGE \
        sh -c 'exec 2>&1; cat /v/f; touch /v/x; touch /w/x && ls /v; cat /etc/f; echo >/etc/f; cat /data/deep/er/f'
    say podrun --rm -v "$v/nosuch:/x" $IMAGE true
    say_status podrun --rm -v "$v:/etc/passwd" $IMAGE true
    say_status podrun --rm -v "$v/f:/etc" $IMAGE true
    say podrun --rm -v vol-$N:/vol -v vol2-$N:/etc $IMAGE sh -c 'echo 1 >/vol/x; ls /vol; cat /etc/group'
    say podrun --rm -v vol-$N:/vol:ro,noexec $IMAGE sh -c 'exec 2>&1; cat /vol/x; cp /bin/busybox /vol/x; grep -o " /vol [^ ]* ro,[a-z,]*noexec" /proc/mounts'
    say podrun --rm -v "$v:/v:O" $IMAGE sh -c 'echo x >/v/over; ls /v'
    say ls "$v"
    say podrun --rm -v "$v:/v:U" -u 33 $IMAGE stat -c '%u %g' /v/f
    ln -sfn /etc "$v/link"
    say podrun --rm -v "$v:/v" -v "$v/sub:/v/link" $IMAGE sh -c 'ls /etc | wc -l'
    say podrun --rm --mount type=bind,src="$v",dst=/v,bind-propagation=rshared $IMAGE sh -c 'grep -Ec " /v r[ow][^-]* shared:" /proc/self/mountinfo'
    say podrun --rm --mount type=bind,src="$v",dst=/v,bind-propagation=rslave $IMAGE sh -c 'grep -Ec " /v r[ow][^-]* (shared|master):" /proc/self/mountinfo'
    say podrun --rm --mount type=tmpfs,destination=/var,notmpcopyup $IMAGE sh -c 'ls /var | wc -l; touch /var/x'
    say podrun --rm --uidmap 0:100000:65536 -v vol-$N:/vol -v "$v:/v:ro" $IMAGE sh -c 'exec 2>&1; stat -c "%n %u %g" /vol/x /v/f; touch /v/x'
    say P volume rm vol-$N vol2-$N
}
@test "volumes: read-only, files, propagation, links" {
    both volumes
    said data 'touch: /v/x: Read-only file system' '-> 1' '-> 126' www-data:x:33: 0 1
}

pods() {
    say P pod create --name p-$N --infra-image $IMAGE --infra-command 'sleep 1000' --network none --share net,ipc,uts,pid --hostname podhost --cgroup-parent "$ENGINES_CG"
    say P run -d --pod p-$N --name a-$N $IMAGE sh -c 'echo x >/dev/shm/x; sleep 1000'
    until_true P exec a-$N test -e /dev/shm/x
    say P run --rm --pod p-$N $IMAGE sh -c 'hostname; ls /dev/shm; ls -L /proc/1/ns/net >/dev/null; stat -Lc %i /proc/1/ns/net /proc/self/ns/net | uniq | wc -l'
    say P exec a-$N sh -c 'cut -d: -f2- /proc/self/cgroup'
    say P pod pause p-$N
    say P pod ps --filter name=p-$N --format '{{.Name}} {{.Status}}'
    say P pod unpause p-$N
    say_status P pod stop -t 0 p-$N # what died with its pid namespace may be told of
    say P pod start p-$N
    say P pod ps --filter name=p-$N --format '{{.Name}} {{.Status}}'
    until_true P pod rm -f -t 0 p-$N # its own clean-up after an end may be under way
    say P pod create --name u-$N --infra-image $IMAGE --infra-command 'sleep 1000' --network none --uidmap 0:100000:65536 --cgroup-parent "$ENGINES_CG"
    say P run --rm --pod u-$N $IMAGE sh -c 'cat /proc/self/uid_map; hostname'
    until_true P pod rm -f -t 0 u-$N
    say podrun -d --name a-$N $IMAGE sleep 1000
    say P run --rm --cgroup-parent "$ENGINES_CG" --network container:a-$N --pid container:a-$N --ipc container:a-$N $IMAGE sh -c "tr '\\0' ' ' </proc/1/cmdline"
    say P rm -f -t 0 a-$N
}
@test "pods: shared namespaces, a user namespace of the Pod's" {
    both pods
    said podhost x 1 'p Paused' 'p Running' u
}

U() { # podman of a user, who has a range of ids and no cgroup
    setpriv --reuid 12345 --regid 12345 --clear-groups env HOME="$ROOTLESS" XDG_RUNTIME_DIR="$ROOTLESS/run" TMPDIR="$ROOTLESS/tmp" \
        CONTAINERS_CONF="$ROOTLESS/containers.conf" CONTAINERS_STORAGE_CONF="$ROOTLESS/storage.conf" \
        timeout --foreground 60 podman --runtime "$RUNTIME" "$@"
}
rootless() {
    say U run --rm --network none $IMAGE sh -c 'id -u; cat /proc/self/uid_map; exit 7'
    say U run --rm --network none $IMAGE nope
    say U run --rm --network none --userns keep-id -v "$ROOTLESS/v-$N:/v" $IMAGE sh -c 'id -u; touch /v/x; stat -c %u /v/x'
    say stat -c %u "$ROOTLESS/v-$N/x"
    say U run --rm --network none --read-only --tmpfs /t -v "$ROOTLESS/v-$N:/v:ro" $IMAGE sh -c 'exec 2>&1; touch /v/y; touch /x; touch /t/x && stat -c %u /t/x'
    say U run --rm --network none --privileged -u 33 $IMAGE grep -E 'Uid|Cap|NoNew|Seccomp:' /proc/self/status
    say U run --rm --network host --device /dev/null:/dev/mynull --sysctl kernel.shm_rmid_forced=1 $IMAGE \
        sh -c 'stat -c "%F %t,%T" /dev/mynull; cat /proc/sys/kernel/shm_rmid_forced; ls /sys/class/net; sed -E "s/^[^ ]+ ([^ ]+) [^ ]+ (r[ow]).*/\1 \2/; /fs.cgroup/d" /proc/mounts | sort'
    say U run -d --name c-$N --network none --init $IMAGE sh -c 'trap "exit 3" TERM; touch /ready; while :; do sleep 0.05; done'
    until_true U exec c-$N test -e /ready
    say U exec -u 33 -w /tmp c-$N sh -c 'id -u; pwd; exit 4'
    say U exec c-$N nope
    say_tty 33 99 "U exec -it c-$N sh -c 'tty; $sized 33 99; id -u'"
    say_status U pause c-$N
    say_status U update --memory 64m c-$N
    say U stop -t 20 c-$N
    say U inspect c-$N --format '{{.State.Status}} {{.State.ExitCode}}'
    say U rm c-$N
    say U pod create --name p-$N --infra-image $IMAGE --infra-command 'sleep 1000' --network none
    say U run --rm --pod p-$N $IMAGE hostname
    until_true U pod rm -f -t 0 p-$N
}
export -f U
@test "rootless: a user's containers" {
    setpriv --reuid 12345 --regid 12345 --clear-groups unshare -U true || skip "users may not make user namespaces here"
    export ROOTLESS=$BATS_RUN_TMPDIR.rootless # below no folder of root's
    mkdir "$ROOTLESS" "$ROOTLESS"/{run,root,tmp,v-runc,v-ours,etc}
    cp "$OURS" "$ENGINES/image.tar" "$CONTAINERS_CONF" "$ROOTLESS"
    printf '[storage]\ndriver = "overlay"\nrootless_storage_path = "%s"\n' "$ROOTLESS/root" >"$ROOTLESS/storage.conf"
    chown -R 12345:12345 "$ROOTLESS"
    { cat /etc/passwd; echo "rootless:x:12345:12345::$ROOTLESS:/bin/sh"; } >"$ROOTLESS/etc/passwd"
    { cat /etc/group; echo "rootless:x:12345:"; } >"$ROOTLESS/etc/group"
    echo rootless:100000:65536 | tee "$ROOTLESS/etc/subuid" >"$ROOTLESS/etc/subgid"
    world sh -c 'for f in passwd group subuid subgid; do mount --bind "$ROOTLESS/etc/$f" "/etc/$f" || exit; done; mount --make-rshared /'
    RUNTIME=$RUNC world bash -c 'U load -q -i "$ROOTLESS/image.tar"'
    OURS=$ROOTLESS/wherry-runtime both rootless
    said '-> 7' '         0      12345          1' 12345 '-> 127' '-> 4' '33 99' 'exited 3' p
}

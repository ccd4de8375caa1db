#!/usr/bin/env bats
# dockerd (with containerd) drives wherry-runtime: every command says what it says with runc. engines.bash tells how.

load leak.bash
load engines.bash

setup_file() {
    engines_setup
    containerd_start
    docker_start
    world docker --host "unix://$ENGINES/docker.sock" load -q -i "$ENGINES/image.tar"
}
teardown_file() { engines_teardown; }
teardown() { # each test has removed what it made
    [ -z "$(N=ours world bash -c 'D ps -aq')" ]
    until_true eval '[ -z "$(find /sys/fs/cgroup -mindepth 3 -type d -path "*$ENGINES_CG/*")" ]'
    ! world grep "$ENGINES/docker/overlay2/.*/merged" /proc/mounts
}

D() { HOME=$ENGINES timeout --foreground 60 docker --host "unix://$ENGINES/docker.sock" "$@"; }
dorun() { D run --runtime "rt-$N" --network none "$@"; }
export -f D dorun

commands() {
    say dorun --rm $IMAGE sh -c 'echo err >&2; exit 7'
    say dorun --rm $IMAGE nope
    say dorun --rm $IMAGE /nope
    say dorun --rm $IMAGE /etc
    say dorun --rm --entrypoint /nope $IMAGE
    say_status dorun --rm -w /etc/passwd $IMAGE true
    say dorun --rm -w /new/dir -e A=b --hostname h1 $IMAGE sh -c 'pwd; echo $A; hostname'
    say dorun --rm -u www-data:tty --group-add 99 $IMAGE id
    echo hello | dorun -i --rm $IMAGE cat
    say dorun --rm --init $IMAGE cat /proc/1/comm
    say dorun --rm --ulimit nofile=100:200 --sysctl net.ipv4.ip_forward=1 $IMAGE sh -c 'ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward'
    say dorun --rm --device /dev/null:/dev/mynull $IMAGE sh -c 'stat -c "%F %t,%T %a" /dev/mynull; echo x >/dev/mynull'
    say dorun --rm --pid host --ipc host --uts host $IMAGE cat /proc/1/comm
    say D run --rm --runtime "rt-$N" --network host $IMAGE ls /sys/class/net
    say dorun --rm --cgroupns private $IMAGE sh -c 'cut -d: -f2- /proc/self/cgroup'
}
@test "run: commands, users, what cannot be run, devices, namespaces" {
    both commands
    said '-> 7' '-> 127' '-> 126' hello 'uid=33(www-data) gid=5(tty) groups=5(tty),99' h1 200 docker-init lo \
        'docker: Error response from daemon: failed to create shim task: OCI runtime create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown'
}

security() {
    local profile=$ENGINES/seccomp.$N v=$ENGINES/v-$N
    say dorun --rm $IMAGE grep -E 'Cap|NoNew|Seccomp:' /proc/self/status
    say dorun --rm --cap-drop all -u 33 --security-opt no-new-privileges $IMAGE grep -E 'Cap|NoNew' /proc/self/status
    say dorun --rm --security-opt seccomp=unconfined $IMAGE grep Seccomp: /proc/self/status
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]}' >"$profile"
    say dorun --rm --security-opt seccomp="$profile" $IMAGE mkdir /tmp/x
    say dorun --rm --read-only --tmpfs /t:size=1m $IMAGE sh -c 'exec 2>&1; touch /x; touch /t/x && df /t | tail -1'
    say dorun --rm $IMAGE sh -c 'sed -E "s/^[^ ]+ ([^ ]+) [^ ]+ (r[ow]).*/\1 \2/; /fs.cgroup/d" /proc/mounts | sort'
    mkdir -p "$v" && echo data >"$v/f"
    say dorun --rm -v "$v:/v:ro" $IMAGE sh -c 'exec 2>&1; cat /v/f; touch /v/x'
    say dorun --rm -v "vol-$N:/etc" $IMAGE sh -c 'echo 1 >/etc/x; cat /etc/group /etc/x'
    say_status dorun --rm -v "$v:/etc/passwd" $IMAGE true
    say dorun --rm --mount type=bind,src="$v",dst=/v,bind-propagation=rslave,readonly $IMAGE touch /v/x
    say D volume rm vol-$N
}
@test "run: capabilities, seccomp, read-only, masked paths, volumes" {
    both security
    said 'CapEff:	0000000000000000' 'NoNewPrivs:	1' 'Seccomp:	0' 'Seccomp:	2' "mkdir: can't create directory '/tmp/x': Function not implemented" \
        'touch: /x: Read-only file system' data '/proc/acpi ro' www-data:x:33:
}

life() {
    say dorun -d --name c-$N --memory 64m --cpus 0.5 --pids-limit 33 --cpu-shares 77 $IMAGE \
        sh -c 'trap "echo got; exit 3" TERM; trap "echo hup" HUP; echo ready; while :; do sleep 0.05; done'
    until_true bash -c "D logs c-$N | grep ready"
    say D exec c-$N sh -c 'echo err >&2; exit 42'
    say D exec c-$N nope
    say D exec c-$N /etc
    say_status D exec -w /nodir c-$N pwd
    say D exec -w /tmp -e A=b -u www-data c-$N sh -c 'id -un; pwd; echo $A $HOME'
    echo input | D exec -i c-$N cat
    say_tty 33 99 "D exec -it c-$N sh -c 'tty; $sized 33 99; exit 4'"
    say D exec c-$N sh -c "$files"
    say D update --memory 128m --memory-swap -1 --cpus 1.5 --pids-limit 44 --cpu-shares 99 c-$N
    say D exec c-$N sh -c "$files"
    say_status D update --memory 4m --memory-swap 5m --cpuset-cpus 777 c-$N
    say D pause c-$N
    say D inspect c-$N --format '{{.State.Status}}'
    say D pause c-$N
    say D exec c-$N true
    say D unpause c-$N
    say D unpause c-$N
    say bash -c "D top c-$N -o pid,comm | grep -c sh"
    say D kill -s HUP c-$N
    until_true bash -c "D logs c-$N | grep hup"
    say D stop -t 20 c-$N
    say D wait c-$N
    say D logs c-$N
    say D inspect c-$N --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}'
    say D kill c-$N
    say D start c-$N
    say D restart -t 0 c-$N
    say D inspect c-$N --format '{{.State.Status}}'
    say D kill c-$N
    say D wait c-$N
    say D rm c-$N
}
export files='cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_quota_us pids/pids.max'
@test "a life: exec, a terminal, update, pause, stop, restart, rm" {
    [ -d /sys/fs/cgroup/memory ] || skip "the files looked at are those of cgroup v1"
    both life
    said hup got '-> 42' '-> 126' input '33 99' '-> 4' 67108864 134217728 150000 44 99 paused 'exited 3 false' 137
}

ends() {
    say D create --name c-$N --runtime "rt-$N" --network none $IMAGE nope
    say D start c-$N
    say D inspect c-$N --format '{{.State.Status}} {{.State.ExitCode}}'
    say D rm c-$N
    say D create --name c-$N --runtime "rt-$N" --network none $IMAGE echo created
    say D start -a c-$N
    say D start -a c-$N
    say D rm c-$N
    say dorun --name o-$N --memory 16m $IMAGE dd if=/dev/zero of=/dev/null bs=64M count=1
    say D inspect o-$N --format '{{.State.ExitCode}}' # OOMKilled: the shim may look only after it has happened
    say D rm o-$N
    say dorun -d --name r-$N --restart on-failure:2 $IMAGE sh -c 'exit 9'
    until_true bash -c "D inspect r-$N --format '{{.State.Status}} {{.RestartCount}}' | grep -x 'exited 2'"
    say D rm r-$N
    say_tty 30 90 "dorun --rm -it $IMAGE sh -c 'tty; $sized 30 90; [ -t 0 ] && [ -t 1 ] && echo all; exit 9'"
}
@test "what cannot start, what runs out of memory, restarts, a terminal" {
    both ends
    said created '-> 137' 137 '30 90' '-> 9'
}

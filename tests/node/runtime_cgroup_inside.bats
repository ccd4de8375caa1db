# cgroups as a container sees them: what is mounted, what is closed to it, what it may divide, and that its limits hold.

load runtime

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

userns='.linux.namespaces += [{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=[{containerID:0,hostID:100000,size:65536}]'
no_cgroupns='.linux.namespaces -= [{type:"cgroup"}]'
cgroupns="$no_cgroupns | .linux.namespaces += [{type:\"cgroup\"}]" # the default of spec depends on the version
writable='(.mounts[]|select(.type=="cgroup").options) -= ["ro"]'

# Tries to write, and to make a cgroup, in every hierarchy that is shown; prints what it could.
attack='for d in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -e $d/cgroup.procs ] || continue
    for f in cgroup.procs tasks cgroup.subtree_control cgroup.freeze memory.max memory.limit_in_bytes pids.max devices.allow cpu.shares release_agent; do
        [ -e $d/$f ] || continue
        case $f in
            devices.allow) text=a ;;
            cgroup.procs | tasks) text=$$ ;;
            cgroup.subtree_control) text=-memory ;;
            release_agent) text=/x ;;
            *) text=300000000 ;;
        esac
        { echo $text >$d/$f; } 2>/dev/null && echo "wrote $d/$f"
        chmod 777 $d/$f 2>/dev/null && echo "chmod $d/$f"
    done
    mkdir $d/x 2>/dev/null && rmdir $d/x && echo "made $d/x"
done; echo done'

@test "R-009 cgroup files are closed, with and without a cgroup namespace, in a user namespace" {
    local way
    for way in "$cgroupns" "$no_cgroupns" "$userns | $cgroupns" "$userns | $no_cgroupns"; do
        in_container "$way" "$attack"
        [ "$output" = "done" ] || { echo "$way: $output"; return 1; }
    done
    # the control: the same, told to be writable
    in_container "$cgroupns | $writable" "$attack"
    [[ "$output" == *wrote*made* ]]
}

@test "each hierarchy is shown, rooted at the container's own; nothing above it" {
    in_container "$cgroupns | .linux.resources.pids={limit:99}" 'cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; ls /sys/fs/cgroup'
    [ "$status" = 0 ]
    [ -z "$(grep : <<<"$output" | grep -v ':/$')" ] # of a namespace, the root
    grep -qx 99 <<<"$output"
    if ! is_v2; then
        local d
        for d in /sys/fs/cgroup/*/; do grep -qx "$(basename "$d")" <<<"$output" || { echo "no $d"; return 1; }; done
    fi
    in_container "$no_cgroupns | .linux.resources.pids={limit:99}" 'cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; ls -d /sys/fs/cgroup/*wherry* /sys/fs/cgroup/*/*wherry* 2>/dev/null'
    [ -z "$(grep : <<<"$output" | grep -v ":/$CG/c\$")" ]
    grep -qx 99 <<<"$output"
    ! grep -q '^/sys/fs/cgroup/' <<<"$output"
}

@test "R-032 a limit holds in a user namespace: who needs more is killed" {
    local eat='dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null && echo had it all' limit='.linux.resources.memory={limit:33554432,swap:33554432}'
    in_container "$userns | $limit" "exec $eat"
    [ "$status" = 137 ] || { echo "$status: $output"; return 1; }
    in_container "$userns" "$eat" # the control
    [ "$output" = "had it all" ]
    bundle c "$sleeper | $userns | $limit"
    R run --detach --bundle "$T/c" c
    [ -z "$(grep -v ":/$CG/c\$" "/proc/$(pid_of c)/cgroup")" ]
}

@test "a cgroup is given to the user of its process where it can be divided, and only there" {
    local own owner
    own=$(is_v2 && echo "/sys/fs/cgroup/$CG/c" || echo "/sys/fs/cgroup/unified/$CG/c")
    for way in "$userns | $cgroupns" "$userns | $writable | $no_cgroupns"; do
        bundle c "$sleeper | $way"
        R run --detach --bundle "$T/c" c
        [ "$(stat -c %u "$own" "$own/cgroup.procs" | sort -u)" = 0 ]
        R delete --force c
    done
    bundle c "$sleeper | $userns | $cgroupns | $writable | .process.user={uid:7,gid:7}"
    R run --detach --bundle "$T/c" c
    if is_v2; then owner=100007; else owner=0; fi
    [ "$(stat -c %u "$own" "$own"/cgroup.{procs,threads,subtree_control} | sort -u)" = $owner ]
    [ "$(stat -c %u "$own"/cgroup.{max.depth,freeze} | sort -u)" = 0 ]
    if is_v2; then
        R exec c sh -c 'mkdir /sys/fs/cgroup/sub && echo $$ >/sys/fs/cgroup/sub/cgroup.procs && grep -x 0::/sub /proc/self/cgroup'
        run R exec c sh -c 'echo 5 >/sys/fs/cgroup/memory.max'
        [ "$status" != 0 ]
    fi
}

@test "below a cgroup that holds processes there are no more controllers: said where one is needed" {
    local above
    above=$(is_v2 && echo "/sys/fs/cgroup/$CG" || echo "/sys/fs/cgroup/unified/$CG")
    mkdir "$above"
    sleep 1000 3>&- &
    local busy=$!
    echo $busy >"$above/cgroup.procs"
    bundle c '.linux.resources={hugepageLimits:[{pageSize:"2MB",limit:4194304}]}'
    run R run --bundle "$T/c" c </dev/null
    local said=$output
    in_container . 'echo runs'
    kill $busy && wait $busy || :
    [ "$output" = runs ]
    [[ "$said" == *"hugetlb.2MB.max: the controller hugetlb is not available in this cgroup"* ]]
    [ "$(cat "$above/cgroup.subtree_control")" = "" ] # not a part of what was wanted either
}

@test "device rules are updated in place: below others, too, and what stays allowed is never refused" {
    export SCRIPT='while :; do : </dev/null || echo lost; done'
    bundle c '.process.capabilities[]+=["CAP_MKNOD"] | .linux.resources.devices=[{allow:false},{allow:true,type:"c",major:10,minor:200,access:"rw"}] | .process.args=["sh","-c",$ENV.SCRIPT]'
    R run --detach --bundle "$T/c" c </dev/null >"$T/out" 2>&1
    is_v2 || mkdir "/sys/fs/cgroup/devices/$CG/c/sub"
    local i
    for i in 1 2 3 4 5 6 7 8; do
        echo "{\"devices\":[{\"allow\":false},{\"allow\":true,\"type\":\"b\",\"major\":7,\"minor\":$i,\"access\":\"r\"}]}" | R update -r - c
    done
    [ ! -s "$T/out" ]
    R exec c sh -c 'mknod /dev/l8 b 7 8; mknod /dev/l7 b 7 7; mknod /dev/tun c 10 200'
    run R exec c sh -c 'head -c1 /dev/l8; head -c1 /dev/l7; head -c1 /dev/tun'
    [ "$(grep -c 'l8.*not permitted' <<<"$output")" = 0 ]
    [ "$(grep -c 'l7.*not permitted' <<<"$output")" = 1 ]
    [ "$(grep -c 'tun.*not permitted' <<<"$output")" = 1 ]
    is_v2 || rmdir "/sys/fs/cgroup/devices/$CG/c/sub"
}

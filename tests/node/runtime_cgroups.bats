# cgroups: limits at creation and by update, on whichever version the host has; devices; what a container sees of its
# cgroups and what it cannot do there.

load runtime

setup_file() { runtime_setup_file; }
setup() { runtime_setup; }
teardown() { runtime_teardown; }

# holds CONTROLLER FILE TEXT [CONTROLLER FILE TEXT...]
holds() {
    while [ $# != 0 ]; do
        [ "$(cat "$(cg_file "$1" "$2")")" = "$3" ] || { echo "$2: $(cat "$(cg_file "$1" "$2")"), not $3"; return 1; }
        shift 3
    done
}

start_sleeper() { # JQ
    bundle c "$sleeper | ${1:-.}"
    R run --detach --bundle "$T/c" c
}

# update_with JSON
update_with() {
    echo "$1" | R update --resources - c
}

@test "limits: memory, CPU, tasks" {
    start_sleeper '.linux.resources={memory:{limit:67108864,swap:134217728,reservation:33554432},cpu:{shares:2048,quota:50000,period:200000,cpus:"0",mems:"0"},pids:{limit:77}}'
    if is_v2; then
        holds memory memory.max 67108864 memory memory.low 33554432 cpu cpu.weight 174 cpu cpu.max "50000 200000" \
            cpuset cpuset.cpus 0 pids pids.max 77
        [ ! -e "$(cg_file memory memory.swap.max)" ] || holds memory memory.swap.max 67108864
    else
        holds memory memory.limit_in_bytes 67108864 memory memory.memsw.limit_in_bytes 134217728 \
            memory memory.soft_limit_in_bytes 33554432 cpu cpu.shares 2048 cpu cpu.cfs_quota_us 50000 \
            cpu cpu.cfs_period_us 200000 cpuset cpuset.cpus 0 cpuset cpuset.mems 0 pids pids.max 77
    fi
}

@test "limits: block devices, huge pages" {
    local dev throttles=
    dev=$(cat /sys/block/*/dev 2>/dev/null | head -1) # the guest may have no disk at all
    [ -z "$dev" ] || throttles="blockIO:{throttleReadBpsDevice:[{major:${dev%:*},minor:${dev#*:},rate:1048576}],
        throttleWriteIOPSDevice:[{major:${dev%:*},minor:${dev#*:},rate:500}]},"
    start_sleeper ".linux.resources={${throttles}hugepageLimits:[{pageSize:\"2MB\",limit:4194304}]}"
    if [ -n "$dev" ] && is_v2; then
        holds io io.max "$dev rbps=1048576 wbps=max riops=max wiops=500"
    elif [ -n "$dev" ]; then
        holds blkio blkio.throttle.read_bps_device "$dev 1048576" blkio blkio.throttle.write_iops_device "$dev 500"
    fi
    local hugetlb=/sys/fs/cgroup/unified/$CG/c # of cgroup2 on a hybrid host, too
    is_v2 && hugetlb=/sys/fs/cgroup/$CG/c
    [ "$(cat "$hugetlb/hugetlb.2MB.max")" = 4194304 ]
    [ "$(cat "$hugetlb/hugetlb.2MB.rsvd.max")" = 4194304 ]
    update_with '{"unified":{"hugetlb.2MB.max":"2097152"}}'
    [ "$(cat "$hugetlb/hugetlb.2MB.max")" = 2097152 ]
    R delete --force c
    start_sleeper '.linux.resources={blockIO:{weight:500}}'
    if is_v2; then
        holds io io.bfq.weight "default 500" || holds io io.weight "default 4950"
    else
        holds blkio blkio.bfq.weight 500 || holds blkio blkio.weight 500
    fi
}

@test "update: memory and swap together, up and down; without limit; what is in use" {
    start_sleeper '.linux.resources={memory:{limit:67108864,swap:67108864}}'
    local memory=memory.limit_in_bytes limit
    is_v2 && memory=memory.max
    for limit in 134217728 33554432 268435456; do
        update_with "{\"memory\":{\"limit\":$limit,\"swap\":$limit}}"
        holds memory $memory $limit
        if is_v2; then holds memory memory.swap.max 0; else holds memory memory.memsw.limit_in_bytes $limit; fi
    done
    R update --memory 64m --memory-swap -1 c
    holds memory $memory 67108864
    R update --memory -1 c
    if is_v2; then
        holds memory memory.max max
        run update_with '{"memory":{"limit":4096,"checkBeforeUpdate":true}}'
        [ "$status" = 1 ]
        [[ "$output" == *"the limit 4096 is not above the "*" bytes in use"* ]]
        holds memory memory.max max
        run update_with '{"memory":{"swap":4096}}'
        [[ "$output" == *"swap: 4096 without a memory limit"* ]]
    else
        [ "$(cat "$(cg_file memory memory.memsw.limit_in_bytes)")" = "$(cat "$(cg_file memory memory.limit_in_bytes)")" ]
        [ "$(cat "$(cg_file memory memory.limit_in_bytes)")" -gt 1000000000000 ]
    fi
    [ "$(status_of c)" = running ]
}

@test "update: quota and period in any order, alone, with burst; idle and shares; tasks" {
    start_sleeper '.linux.resources={cpu:{quota:50000,period:100000}}'
    # on v1 each step is refused by the kernel in one of the two orders where a parent is limited
    local step
    for step in "900000 1000000" "5000 10000" "700000 800000" "-1 100000" "20000 40000"; do
        set -- $step
        R update --cpu-quota="$1" --cpu-period="$2" c
        if is_v2; then holds cpu cpu.max "${1/-1/max} $2"; else holds cpu cpu.cfs_quota_us "$1" cpu cpu.cfs_period_us "$2"; fi
    done
    R update --cpu-period=50000 c
    if is_v2; then holds cpu cpu.max "20000 50000"; else holds cpu cpu.cfs_quota_us 20000 cpu cpu.cfs_period_us 50000; fi
    R update --cpu-quota=30000 c
    if is_v2; then holds cpu cpu.max "30000 50000"; else holds cpu cpu.cfs_quota_us 30000 cpu cpu.cfs_period_us 50000; fi
    R update --cpu-burst=10000 c
    R update --cpu-quota=8000 --cpu-burst=8000 c # less than the burst that was: only in the other order
    if is_v2; then holds cpu cpu.max.burst 8000; else holds cpu cpu.cfs_burst_us 8000; fi
    update_with '{"cpu":{"idle":1,"shares":100}}'
    holds cpu cpu.idle 1
    update_with '{"cpu":{"idle":0,"shares":512}}'
    holds cpu cpu.idle 0
    if is_v2; then holds cpu cpu.weight 59; else holds cpu cpu.shares 512; fi
    R update --pids-limit 5 c
    holds pids pids.max 5
    R update --pids-limit -1 c
    holds pids pids.max max
    update_with '{"pids":{"limit":0}}'
    holds pids pids.max 1
}

@test "a limit of 0 tasks was none before runtime-spec 1.3" {
    start_sleeper '.ociVersion="1.2.0" | .linux.resources.pids={limit:0}'
    holds pids pids.max max
    R delete --force c
    start_sleeper '.ociVersion="1.3.0" | .linux.resources.pids={limit:0}'
    holds pids pids.max 1
}

@test "limits that the host cannot give are errors that name controller and file" {
    while read -r resources text; do
        bundle c ".linux.resources=$resources"
        run R run --bundle "$T/c" c </dev/null
        [ "$status" = 1 ] || { echo "$resources: started"; return 1; }
        [[ "$output" == *"$text"* ]] || { echo "$output, not $text"; return 1; }
        [ ! -e "$T/root/c" ]
    done < <(
        echo '{rdma:{mlx5_1:{hcaHandles:3}}} rdma.max'
        echo '{unified:{"odd.max":"3"}} odd.max'
        echo '{unified:{"cgroup.procs":"1"}} "cgroup.procs" is no limit'
        echo '{hugepageLimits:[{pageSize:"3MB",limit:4096}]} hugetlb.3MB.'
        if is_v2; then
            echo '{network:{classID:5}} needs the v1 controller net_cls'
            echo '{cpu:{realtimeRuntime:5}} cgroup v2 has none'
        else
            echo '{blockIO:{leafWeight:500}} blkio.leaf_weight: the controller blkio has no such file here'
            echo '{unified:{"memory.max":"3"}} the controller memory is not in a cgroup2 hierarchy here'
        fi
    )
}

@test "a cgroup that is there and frozen is refused, and stays" {
    local at=/sys/fs/cgroup/freezer/$CG/c file=freezer.state
    ! is_v2 || { at=/sys/fs/cgroup/$CG/c file=cgroup.freeze; }
    mkdir -p "$at"
    bundle c "$sleeper"
    if is_v2; then echo 1 >"$at/$file"; else echo FROZEN >"$at/$file"; fi
    run timeout -k 1 20 "$WHERRY_BIN/wherry-runtime" --root "$T/root" run --detach --bundle "$T/c" c
    [ "$status" = 1 ] && [[ "$output" == *"cgroup unexpectedly frozen"* ]] || { echo "$status: $output"; return 1; }
    grep -qE '^(1|FROZEN)$' "$at/$file"
    [ -z "$(ls "$T/root")" ]
    rmdir "$at"
    R run --detach --bundle "$T/c" c
}

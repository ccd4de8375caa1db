#!/usr/bin/env bats
# linux.netDevices: interfaces of the runtime's network namespace, which here is one of the test's own, become the
# container's.

load runtime.bash

setup_file() { runtime_setup_file; }
setup() {
    runtime_setup
    unshare -n sleep 1000 &
    NODE=$!
    until_true eval '[ "$(readlink /proc/$NODE/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
    N ip link set lo up
    N ip link add test0 mtu 1400 type veth peer name far0
    N ip link set far0 up
    N ip addr add 10.9.0.5/24 dev test0
    N ip addr add 10.9.1.5/32 peer 10.9.1.6 dev test0
    N ip addr add fd00:9::5/64 dev test0 nodad
    N ip addr add 10.9.2.5/24 dev test0 scope link
    N ip addr add 10.9.3.5/24 dev test0 valid_lft 1000 preferred_lft 1000
    N ip link set test0 up
}
teardown() {
    kill "$NODE"
    wait "$NODE" 2>/dev/null
    runtime_teardown
}

N() { nsenter -t "$NODE" -n "$@"; }
# in_node JQ SCRIPT
in_node() {
    export SCRIPT=$2
    bundle c "$1 | .process.args=[\"sh\",\"-c\",\$ENV.SCRIPT]"
    run N "$WHERRY_BIN/wherry-runtime" --root "$T/root" run --bundle "$T/c" c </dev/null
}
refused() {
    in_node "$1" true
    [ "$status" = 1 ] && [[ $output == *"$2"* ]] && [ -z "$(R list -q)" ] || { echo "$output, not: $2"; return 1; }
    N ip link show test0 >/dev/null # it is where it was
}

show='busybox ip -o addr show | grep -v ": lo"; busybox ip -o link show'

@test "an interface is moved, named, given back its lasting global addresses, and up; sysctls find it" {
    in_node '.linux.netDevices={test0:{name:"eth7"}} | .linux.sysctl={"net/ipv4/conf/eth7/forwarding":"1"}' "$show; cat /proc/sys/net/ipv4/conf/eth7/forwarding"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"eth7    inet 10.9.0.5/24 scope global eth7"* ]]
    [[ $output == *"eth7    inet 10.9.1.5 peer 10.9.1.6/32 scope global eth7"* ]]
    [[ $output == *"eth7    inet6 fd00:9::5/64 scope global"* ]]
    [[ $output != *10.9.2.5* && $output != *10.9.3.5* ]]
    [[ $output =~ eth7(@[^:]*)?:\ \<BROADCAST,MULTICAST,UP,LOWER_UP ]]
    [[ $output == *"mtu 1400"* ]]
    [ "${lines[-1]}" = 1 ]
    # the namespace went, and with it its virtual interface and the other end
    until_true eval '! N ip link show far0'
}

@test "the host's name, a number that is free, several; in a user namespace; in a namespace that is joined" {
    N ip link add test1 type veth peer name test2
    in_node '.linux.netDevices={test0:{},test1:{name:"net%d"},test2:{name:"net%d"}}' 'busybox ip -o link show | busybox cut -d: -f2 | busybox cut -d@ -f1 | busybox tr -d " " | busybox sort'
    [ "$(tail -4 <<<"$output" | tr '\n' ' ')" = "lo net0 net1 test0 " ]
    until_true eval '! N ip link show far0' # the kernel ends a namespace in its own time
    N ip link add test0 type veth peer name far0
    N ip addr add 10.9.0.5/24 dev test0
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$ROOTFS"
    in_node '.linux.netDevices={test0:{name:"eth0"}} | .linux.namespaces+=[{type:"user"}] | .linux.uidMappings=[{containerID:0,hostID:100000,size:65536}] | .linux.gidMappings=[{containerID:0,hostID:100000,size:65536}]' "$show"
    [ "$status" = 0 ] && [[ $output == *"eth0    inet 10.9.0.5/24"* ]]
    until_true eval '! N ip link show far0'
    N ip link add test0 type veth peer name far0
    N ip addr add 10.9.0.6/24 dev test0
    bundle d "$sleeper"
    R run --detach --bundle "$T/d" d
    in_node ".linux.netDevices={test0:{name:\"eth0\"}} | .linux.namespaces|=map(if .type==\"network\" then .path=\"/proc/$(pid_of d)/ns/net\" else . end)" "$show"
    [ "$status" = 0 ] && [[ $output == *"eth0    inet 10.9.0.6/24"* ]]
    [[ $(R exec d busybox ip -o addr show) == *"eth0    inet 10.9.0.6/24"* ]] # it is that namespace's now
}

@test "what cannot be moved is refused, and stays" {
    refused '.linux.netDevices={nosuch0:{}}' 'linux.netDevices: "nosuch0": the host has no such interface'
    refused '.linux.netDevices={test0:{name:"lo"}}' 'linux.netDevices: "test0": name: "lo": the container has an interface of this name already'
    refused '.linux.netDevices={test0:{name:"a/b"}}' 'linux.netDevices: "test0": name: "a/b": not the name of an interface'
    refused '.linux.netDevices={test0:{name:"sixteencharacter"}}' 'not the name of an interface'
    refused '.linux.netDevices={test0:{name:"a%d%d"}}' 'not the name of an interface'
    refused '.linux.netDevices={test0:{name:"x"},far0:{name:"x"}}' 'name: "x" is "test0"'
    refused '.linux.netDevices={test0:{}} | .linux.namespaces|=map(select(.type!="network"))' 'without a private network namespace'
    refused '.linux.netDevices=[]' 'linux.netDevices: not an object'
    refused '.linux.netDevices={lo:{name:"x"}}' 'linux.netDevices: "lo": move it into the container'
}

#!/usr/bin/env bats
# The CNI plugins against the kernel, and against Debian's containernetworking-plugins as drop-in replacements.

load net.bash
REFERENCE=/usr/lib/cni

setup() {
    net_begin
    netns a
    netns b
    VERSION=1.0.0
}

teardown() {
    net_end
}

config() { # PLUGIN [PREV] [jq filter]
    jq -n --arg v "$VERSION" --arg type "$1" --arg dir "$T/net" --argjson prev "${2:-null}" \
        '{cniVersion: $v, name: "net1", type: $type, bridge: "whtest0", isDefaultGateway: true,
          ipam: {type: "host-local", ranges: [[{subnet: "10.99.0.0/24"}]], dataDir: $dir}}
         + (if $prev then {prevResult: $prev} else {} end) | '"${3:-.}"
}

ports() {
    config portmap "$1" '.runtimeConfig.portMappings = [{hostPort: 8080, containerPort: 80, protocol: "tcp"}] | .snat = true'
}

shape() { # what must be the same, whoever made it
    jq -S '{cniVersion, ips, routes, dns, interfaces: [.interfaces[] | {name: (if (.name | test("^(eth0|whtest0)$")) then .name else "veth" end), sandbox: (.sandbox // "")}]}'
}

@test "ADD, CHECK and DEL leave nothing behind" {
    before=$(on node nft list ruleset)
    cfg=$(config bridge null '.ipMasq = true | .viaGateway = true | .macspoofchk = true')
    r=$(cni bridge ADD c1 a <<<"$cfg")
    [ "$(jq -r '.ips[0].address' <<<"$r")" = 10.99.0.2/24 ]
    [ "$(jq -r '.interfaces[2].name' <<<"$r")" = eth0 ]
    on a ip -4 -o addr show eth0 | grep -q 10.99.0.2/24
    on a ip route | grep -q '^default via 10.99.0.1'
    cni bridge CHECK c1 a <<<"$(jq --argjson r "$r" '.prevResult = $r' <<<"$cfg")"
    cni bridge DEL c1 a <<<"$cfg"
    fails on a ip link show eth0
    [ "$(on node nft list ruleset)" = "$before" ]
    [ -z "$(ls "$T/net/net1" | grep -E '^[0-9]')" ]
    cni bridge DEL c1 a <<<"$cfg" # again
}

@test "CHECK sees a lost address, a lost route and a lost lease" {
    r=$(cni bridge ADD c1 a <<<"$(config bridge)")
    check() { cni bridge CHECK c1 a <<<"$(config bridge "$r")"; }
    check
    on a ip route del default
    fails check
    on a ip route add default via 10.99.0.1
    check
    on a ip addr flush dev eth0
    fails check
    on a ip addr add 10.99.0.2/24 dev eth0
    on a ip route add default via 10.99.0.1
    check
    rm "$T/net/net1/10.99.0.2"
    fails check
}

@test "Pods of one bridge reach each other and the host; IPv6 and router advertisements are off" {
    cfg=$(config bridge null '.viaGateway = true')
    cni bridge ADD c1 a <<<"$cfg"
    cni bridge ADD c2 b <<<"$cfg"
    on a busybox ping -c1 -W2 10.99.0.3
    on node busybox ping -c1 -W2 10.99.0.3
    [ "$(on a cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6)" = 1 ]
    [ "$(on node cat /proc/sys/net/ipv6/conf/whtest0/accept_ra)" = 0 ]
    [ "$(on node cat /proc/sys/net/ipv4/conf/whtest0/route_localnet)" = 0 ]
    [ "$(on node cat /proc/sys/net/ipv4/conf/all/route_localnet)" = 0 ]
}

@test "macspoofchk stops frames of another MAC" {
    cfg=$(config bridge null '.macspoofchk = true')
    cni bridge ADD c1 a <<<"$cfg"
    on a busybox ping -c1 -W2 10.99.0.1
    on a ip link set eth0 address 02:00:00:00:00:99
    fails on a busybox ping -c1 -W1 10.99.0.1
}

@test "an address comes back to a container that asks again, and never to two" {
    r1=$(cni host-local ADD c1 a <<<"$(config host-local)")
    r2=$(cni host-local ADD c1 a <<<"$(config host-local)")
    [ "$r1" = "$r2" ]
    for i in $(seq 2 20); do cni host-local ADD "x$i" a <<<"$(config host-local)" >"$T/r$i" & done
    for j in $(jobs -p | tail -19); do wait "$j"; done
    [ "$(cat "$T"/r* | jq -r '.ips[0].address' | sort -u | wc -l)" = 19 ]
    full=$(config host-local null '.ipam.ranges = [[{subnet: "10.98.0.0/30"}]] | .name = "small"')
    cni host-local ADD c1 a <<<"$full"
    run cni host-local ADD c2 a <<<"$full"
    [ "$status" = 1 ]
    [ "$(jq .code <<<"$output")" = 100 ]
}

@test "GC and STATUS of 1.1.0" {
    VERSION=1.1.0
    cfg=$(config bridge null '.ipMasq = true')
    cni bridge STATUS x a <<<"$cfg"
    cni bridge ADD c1 a <<<"$cfg"
    cni bridge ADD c2 b <<<"$cfg"
    cni bridge GC x a <<<"$(jq '."cni.dev/valid-attachments" = [{containerID: "c2", ifname: "eth0"}]' <<<"$cfg")"
    [ ! -e "$T/net/net1/10.99.0.2" ]
    [ -e "$T/net/net1/10.99.0.3" ]
    on node nft list table ip wherry_masq | grep -q c2/eth0
    [ "$(on node nft list table ip wherry_masq | grep -c c1/eth0)" = 0 ]
    small=$(jq '.ipam.ranges = [[{subnet: "10.98.0.0/30"}]] | .name = "small"' <<<"$cfg")
    cni host-local ADD c1 a <<<"$small"
    run cni bridge STATUS x a <<<"$small"
    [ "$(jq .code <<<"$output")" = 50 ]
}

@test "a host port leads to its container, for this host's addresses only, and is taken once" {
    on node ip link add ext0 type veth peer name eth0 netns "${PID[b]}"
    on node ip addr add 192.0.2.1/24 dev ext0
    on node ip link set ext0 up
    on b ip addr add 192.0.2.2/24 dev eth0
    on b ip link set eth0 up
    on b ip route add default via 192.0.2.1
    r=$(cni bridge ADD c1 a <<<"$(config bridge null '.viaGateway = true')")
    cni portmap ADD c1 a <<<"$(ports "$r")"
    cni portmap CHECK c1 a <<<"$(ports "$r")"
    background a socat TCP-LISTEN:80,fork,reuseaddr SYSTEM:'echo hello'
    wait_until on node socat -u /dev/null TCP:10.99.0.2:80
    [ "$(on b socat -T2 - TCP:192.0.2.1:8080 </dev/null)" = hello ]
    [ "$(on node socat -T2 - TCP:192.0.2.1:8080 </dev/null)" = hello ]
    [ "$(on a socat -T2 - TCP:192.0.2.1:8080 </dev/null)" = hello ] # itself
    # Somebody else's port 8080 behind this host is none of ours.
    run on b socat -T1 - TCP:10.99.0.77:8080,connect-timeout=1
    [ "$status" != 0 ]
    run cni portmap ADD c2 b <<<"$(ports "${r//10.99.0.2/10.99.0.3}")"
    [ "$status" = 1 ]
    jq -r .msg <<<"$output" | grep -q '8080/tcp is held by net1/c1/eth0'
    cni portmap DEL c1 a <<<"$(ports null)"
    cni portmap DEL c1 a <<<"$(ports null)"
    fails on node nft list table ip wherry_hostport
}

@test "Debian's plugins and ours follow each other" {
    results=()
    for mix in "ours ours" "ours theirs" "theirs ours" "theirs theirs"; do
        read -r bridge ipam <<<"$mix"
        rm -rf "$T/mixed" "$T/net"
        mkdir "$T/mixed"
        src() { [ "$1" = ours ] && echo "$WHERRY_BIN/cni" || echo "$REFERENCE"; }
        ln -s "$(src "$bridge")/bridge" "$T/mixed/bridge"
        ln -s "$(src "$ipam")/host-local" "$T/mixed/host-local"
        ln -s "$(src "$ipam")/loopback" "$T/mixed/loopback"
        PLUGINS=$T/mixed
        cni loopback ADD c1 a <<<"$(config loopback)"
        r=$(cni bridge ADD c1 a <<<"$(config bridge)")
        for checker in ours theirs; do
            PLUGINS=$(src $checker)
            cni bridge CHECK c1 a <<<"$(config bridge "$r")"
            cni host-local CHECK c1 a <<<"$(config bridge "$r")"
        done
        # The other one takes it away.
        PLUGINS=$([ "$bridge" = ours ] && src theirs || src ours)
        cni bridge DEL c1 a <<<"$(config bridge "$r")"
        cni loopback DEL c1 a <<<"$(config loopback)"
        fails on a ip link show eth0
        [ -z "$(ls "$T/net/net1" | grep -E '^[0-9]')" ]
        results+=("$(shape <<<"$r")")
    done
    for r in "${results[@]}"; do
        diff <(echo "${results[3]}") <(echo "$r")
    done
}

@test "errors have the specification's codes" {
    code() { jq .code <<<"$output"; }
    VERSION=0.1.0 run cni bridge ADD c1 a <<<"$(VERSION=0.1.0; config bridge)"
    [ "$status" = 1 ] && [ "$(code)" = 1 ]
    run cni bridge ADD 'c/1' a <<<"$(config bridge)"
    [ "$(code)" = 4 ]
    CNI_IFNAME=much-too-long-a-name run cni bridge ADD c1 a <<<"$(config bridge)"
    [ "$(code)" = 4 ]
    run cni bridge ADD c1 a <<<'{"cniVersion":'
    [ "$(code)" = 6 ]
    run cni bridge ADD c1 a <<<"$(config bridge null '.vlan = 5')"
    [ "$(code)" = 2 ]
    run cni bridge ADD c1 a <<<"$(config bridge null '.hairpinMode = true | .promiscMode = true')"
    [ "$(code)" = 7 ]
    CNI_NETNS=/proc/self/ns/none run cni bridge ADD c1 a <<<"$(config bridge)"
    [ "$(code)" = 3 ]
    run cni portmap ADD c1 a <<<"$(config portmap)"
    [ "$(code)" = 7 ]
    run cni bridge VERSION c1 a <<<'{"cniVersion":"1.0.0"}'
    [ "$status" = 0 ] && [ "$(jq -c .supportedVersions <<<"$output")" = '["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]' ]
    [ ! -e "$T/net/net1/10.99.0.2" ] # nothing was kept by what failed
}

@test "a plugin that is killed on its way leaves no address with two owners" {
    for n in $(seq 1 12); do
        (CNI_COMMAND=ADD CNI_CONTAINERID="k$n" CNI_NETNS=/proc/${PID[a]}/ns/net CNI_IFNAME=eth0 CNI_PATH=$PLUGINS \
            on node strace -f -qq -o /dev/null -e inject=all:signal=KILL:when=$n "$PLUGINS/host-local" <<<"$(config host-local)") || true
    done
    cni host-local ADD last a <<<"$(config host-local)"
    for n in $(seq 1 12); do cni host-local DEL "k$n" a <<<"$(config host-local)"; done
    [ "$(ls "$T/net/net1" | grep -cE '^[0-9]')" = 1 ]
    [ -z "$(grep -L . "$T"/net/net1/10.*)" ] # no empty lease
}

@test "bridge killed anywhere in ADD: DEL and another ADD make it good" {
    cfg=$(config bridge null '.ipMasq = true | .viaGateway = true | .macspoofchk = true')
    for n in $(seq 1 24); do # the n-th call of some kind
        (CNI_COMMAND=ADD CNI_CONTAINERID=k CNI_NETNS=/proc/${PID[a]}/ns/net CNI_IFNAME=eth0 CNI_PATH=$PLUGINS \
            on node strace -qq -o /dev/null -e inject=all:signal=KILL:when=$n "$PLUGINS/bridge" <<<"$cfg") >/dev/null 2>&1 || true
        cni bridge DEL k a <<<"$cfg"
        fails on a ip link show eth0
        [ -z "$(on node nft list ruleset)" ]
        [ -z "$(ls "$T/net/net1" 2>/dev/null | grep -E '^[0-9]')" ]
    done
    cni bridge ADD k a <<<"$cfg"
    on a busybox ping -c1 -W2 10.99.0.1
    [ "$(on node ip -o link show master whtest0 | wc -l)" = 1 ]
}

#!/usr/bin/env bats
# Services and names as packets meet them: a node with its master and proxy, Pods on its bridge, a stranger beside it.

load net.bash

setup() {
    net_begin
    for n in a b c stranger; do netns $n; done
    on node ip link add ext0 type veth peer name eth0 netns "${PID[stranger]}"
    on node ip addr add 192.0.2.1/24 dev ext0
    on node ip link set ext0 up
    on stranger ip addr add 192.0.2.2/24 dev eth0
    on stranger ip link set eth0 up
    on stranger ip route add default via 192.0.2.1
    for p in a b c; do
        cni bridge ADD "pod-$p" $p >"$T/$p.json" <<<'{"cniVersion":"1.0.0","name":"pods","type":"bridge","bridge":"whtest0",
            "isDefaultGateway":true,"viaGateway":true,"ipMasq":true,"nonMasqueradeCIDRs":["10.244.0.0/16"],
            "ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.7.0/24"}]],"dataDir":"'"$T"'/net"}}'
    done
    for p in a b; do
        background $p socat TCP-LISTEN:8080,fork,reuseaddr SYSTEM:"echo $p"
        background $p socat UDP-RECVFROM:5353,fork SYSTEM:"read x; echo $p"
    done
    background node "$WHERRY_BIN/wherry-master" --state "$T/s" --run "$T/r" --advertise 192.0.2.1 --node-name n1 2>"$T/master.log"
    wait_until kube get --raw /readyz
    jq -n '{apiVersion: "v1", kind: "Node", metadata: {name: "n1"}, spec: {podCIDR: "10.244.7.0/24"},
        status: {addresses: [{type: "InternalIP", address: "192.0.2.1"}]}}' | kube create --validate=false -f -
    proxy_begin
}

teardown() {
    cat "$T"/*.log
    net_end
}

kube() {
    on node kubectl --kubeconfig "$T/s/admin.kubeconfig" "$@"
}

proxy_begin() { # more options
    background node "$WHERRY_BIN/wherry-proxy" --node-name n1 --node-ip 192.0.2.1 --kubeconfig "$T/s/proxy.kubeconfig" \
        --dns-upstream 192.0.2.2 "$@" 2>>"$T/proxy.log"
    PROXY=${STARTED[-1]}
    wait_until on node nft list map ip wherry_proxy services
}

service() { # NAME IP [jq filter]: TCP 80 to 8080, UDP 53 to 5353
    jq -n --arg n "$1" --arg ip "$2" '{apiVersion: "v1", kind: "Service", metadata: {name: $n}, spec: {clusterIP: $ip,
        ports: [{name: "http", port: 80, targetPort: 8080}, {name: "dns", port: 53, protocol: "UDP", targetPort: 5353}]}}
        | '"${3:-.}" | kube apply --validate=false -f -
}

slice() { # SERVICE ENDPOINT... ; an endpoint is an address, @NODE after it where it is not here
    local name=$1
    shift
    printf '%s\n' "$@" | jq -Rn --arg n "$name" '[inputs | select(. != "") | split("@") | {addresses: [.[0]], nodeName: (.[1] // "n1"), conditions: {ready: true}}]
        | {apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4", endpoints: .,
           metadata: {name: $n, labels: {"kubernetes.io/service-name": $n}},
           ports: [{name: "http", port: 8080, protocol: "TCP"}, {name: "dns", port: 5353, protocol: "UDP"}]}' |
        kube apply --validate=false -f -
}

ask() { # FROM ADDRESS:PORT
    on "$1" socat -T2 - "TCP:$2,connect-timeout=2" </dev/null
}

ask_udp() { # FROM ADDRESS:PORT [options]
    echo | on "$1" socat -t1 - "UDP:$2"
}

answers() { # FROM ADDRESS:PORT WANTED: all those that answer within some tries
    local i all=
    for ((i = 0; i < 30; i++)); do
        all=$(printf '%s\n%s' "$all" "$(ask "$1" "$2")" | sort -u)
        [ "$(tr -d '\n' <<<"$all")" = "$3" ] && return 0
    done
    echo "answers: $all"
    return 1
}

refused() { # FROM ADDRESS:PORT
    run ask "$1" "$2"
    [[ $output == *"Connection refused"* ]]
}

installed() {
    on node nft list table ip wherry_proxy | grep -q "$1"
}

A=10.244.7.2 B=10.244.7.3

@test "cluster IP and node port lead to all endpoints, from Pods, host and outside" {
    service web 10.96.7.7 '.spec.type = "NodePort" | .spec.ports[0].nodePort = 30080'
    slice web $A $B
    wait_until installed $B
    answers c 10.96.7.7:80 ab
    answers node 10.96.7.7:80 ab
    answers stranger 192.0.2.1:30080 ab
    answers c 192.0.2.1:30080 ab
    answers a 10.96.7.7:80 ab # also itself
    [[ $(ask_udp c 10.96.7.7:53) == [ab] ]]
    refused node 127.0.0.1:30080
    # What nobody asked for is refused at once, and a cluster IP answers no ping.
    refused c 10.96.7.7:81
    fails on c busybox ping -c1 -W1 10.96.7.7
    # Whoever administers the host can read it.
    on node nft list ruleset >/dev/null
}

@test "without endpoints connections are refused; with the first one they are not" {
    service web 10.96.7.7 '.spec.type = "NodePort" | .spec.ports[0].nodePort = 30080'
    wait_until installed 10.96.7.7
    refused c 10.96.7.7:80
    refused node 10.96.7.7:80
    refused stranger 192.0.2.1:30080
    slice web $A
    wait_until installed $A
    [ "$(ask c 10.96.7.7:80)" = a ]
    slice web
    wait_until refused c 10.96.7.7:80
    kube delete service web
    wait_until fails installed 10.96.7.7
}

@test "client affinity names an endpoint: it stays while that lives, whatever comes and goes" {
    service web 10.96.7.7 '.spec.sessionAffinity = "ClientIP"'
    slice web $A $B
    wait_until installed $B
    first=$(ask c 10.96.7.7:80)
    for i in 1 2 3 4 5 6 7 8; do [ "$(ask c 10.96.7.7:80)" = "$first" ]; done
    slice web $A $B 10.244.7.9 10.244.7.1 # indexes move
    wait_until installed 10.244.7.9
    for i in 1 2 3 4 5 6 7 8; do [ "$(ask c 10.96.7.7:80)" = "$first" ]; done
    if [ "$first" = a ]; then other=b left=$B; else other=a left=$A; fi
    slice web $left
    wait_until fails installed 10.244.7.9
    for i in 1 2 3; do [ "$(ask c 10.96.7.7:80)" = $other ]; done
}

@test "a UDP flow goes on to a new endpoint when its old one is gone" {
    service web 10.96.7.7
    slice web $A
    wait_until installed $A
    [ "$(ask_udp c 10.96.7.7:53,sourceport=4000)" = a ]
    slice web $B
    wait_until installed $B
    moved() { [ "$(ask_udp c 10.96.7.7:53,sourceport=4000)" = b ]; }
    wait_until moved
}

@test "killed and started again, the proxy takes over: nothing is interrupted, and what changed meanwhile is made good" {
    service web 10.96.7.7
    service gone 10.96.7.8
    slice web $A
    slice gone $A
    wait_until installed 10.96.7.8
    kill -9 "$PROXY"
    [ "$(ask c 10.96.7.7:80)" = a ]
    handle=$(on node nft -a list tables | grep wherry_proxy)
    slice web $B
    kube delete service gone
    kube delete endpointslice gone
    proxy_begin
    wait_until installed $B
    wait_until fails installed 10.96.7.8
    [ "$(on node nft -a list tables | grep wherry_proxy)" = "$handle" ] # the same table
    [ "$(ask c 10.96.7.7:80)" = b ]
    kill "$PROXY" # and it ends well after all that
    wait "$PROXY"
}

@test "other nodes: a route to their Pods; strangers' connections to them come back through us" {
    netns other
    on node ip link add lan0 type veth peer name eth0 netns "${PID[other]}"
    on node ip addr add 198.51.100.1/24 dev lan0
    on node ip link set lan0 up
    on other ip link set lo up
    on other ip addr add 198.51.100.2/24 dev eth0
    on other ip addr add 10.244.8.2/32 dev lo
    on other ip link set eth0 up
    on other ip route add 192.0.2.1/32 via 198.51.100.1
    on other ip route add 10.244.7.0/24 via 198.51.100.1
    background other socat TCP-LISTEN:8080,fork,reuseaddr SYSTEM:'echo $SOCAT_PEERADDR'
    jq -n '{apiVersion: "v1", kind: "Node", metadata: {name: "n2"}, spec: {podCIDR: "10.244.8.0/24"},
        status: {addresses: [{type: "InternalIP", address: "198.51.100.2"}]}}' | kube create --validate=false -f -
    route() { on node ip route show 10.244.8.0/24 | grep -q 'via 198.51.100.2'; }
    wait_until route
    service web 10.96.7.7 '.spec.type = "NodePort" | .spec.ports[0].nodePort = 30080'
    slice web 10.244.8.2@n2
    wait_until installed 10.244.8.2
    [ "$(ask c 10.96.7.7:80)" = 10.244.7.4 ]            # a Pod keeps its address
    [ "$(ask stranger 192.0.2.1:30080)" = 198.51.100.1 ] # there is no way back to the stranger but ours
    service web 10.96.7.7 '.spec.type = "NodePort" | .spec.externalTrafficPolicy = "Local" | .spec.ports[0].nodePort = 30080'
    dropped() { ! ask stranger 192.0.2.1:30080; }
    wait_until dropped
    [ "$(ask c 10.96.7.7:80)" = 10.244.7.4 ]
    kube delete node n2
    wait_until fails route
}

@test "names: Services, headless ones, ports, reverse; TCP and UDP; only for this node's Pods" {
    service web 10.96.7.7
    service heads None
    slice heads $A $B
    slice web $A
    d() { on c dig +tries=1 +time=2 +short @10.96.0.10 "$@"; }
    wait_until installed $A
    [ "$(d web.default.svc.cluster.local)" = 10.96.7.7 ]
    [ "$(d +tcp web.default.svc.cluster.local)" = 10.96.7.7 ]
    [ "$(d WEB.default.SVC.cluster.local)" = 10.96.7.7 ]
    [ "$(d heads.default.svc.cluster.local | sort | tr '\n' ' ')" = "$A $B " ]
    [ "$(d _http._tcp.web.default.svc.cluster.local SRV)" = "0 100 80 web.default.svc.cluster.local." ]
    [ "$(d -x 10.96.7.7)" = web.default.svc.cluster.local. ]
    [ "$(d kubernetes.default.svc.cluster.local)" = 10.96.0.1 ]
    [ "$(d 10-244-7-2.default.pod.cluster.local)" = $A ]
    on c dig +tries=1 +time=2 @10.96.0.10 none.default.svc.cluster.local | grep -q 'status: NXDOMAIN'
    on c dig +tries=1 +time=2 @10.96.0.10 web.default.svc.cluster.local AAAA | grep -q 'status: NOERROR'
    [ "$(on node dig +tries=1 +time=2 +short @10.96.0.10 web.default.svc.cluster.local)" = 10.96.7.7 ]
    fails on stranger dig +tries=1 +time=1 @10.96.0.10 web.default.svc.cluster.local
    fails on c busybox ping -c1 -W1 10.96.0.10
    # Garbage does not end it.
    head -c 400 /dev/urandom | on c socat -t0.1 - UDP:10.96.0.10:53
    printf '\0\1\1\0\0\1\0\0\0\0\0\0\300\14\0\1\0\1' | on c socat -t0.2 - UDP:10.96.0.10:53
    printf '\377\377x' | on c socat -t0.1 - TCP:10.96.0.10:53
    [ "$(d web.default.svc.cluster.local)" = 10.96.7.7 ]
}

@test "other names are asked of the upstream; without an answer there is one soon" {
    # Says yes to everything: the query with the flags of an answer.
    cat >"$T/upstream" <<'SH'
#!/bin/sh
f=$(mktemp)
cat >"$f"
{ head -c2 "$f"; printf '\201\200'; tail -c+5 "$f"; } | dd bs=4096 iflag=fullblock 2>/dev/null
rm "$f"
SH
    chmod +x "$T/upstream"
    dig() { on c dig +tries=1 +time=8 @10.96.0.10 "$@"; }
    wait_until on c dig +tries=1 +time=1 @10.96.0.10 kubernetes.default.svc.cluster.local
    dig example.org | grep -q 'status: SERVFAIL' # nobody is there yet
    dig example.org | grep -q ';example.org.' # with the question: a resolver takes no answer without
    background stranger socat -T2 UDP-RECVFROM:53,fork EXEC:"$T/upstream"
    answered() { dig example.org | grep -q 'status: NOERROR'; }
    wait_until answered
    dig kubernetes.default.svc.cluster.local | grep -q 10.96.0.1
}

@test "an answer too long for UDP comes over TCP, and an alias with what its target has" {
    # Over UDP it says that the answer is longer; over TCP come 100 addresses. Queries without EDNS end with the question.
    cat >"$T/long" <<'SH'
#!/bin/bash
f=$(mktemp)
if [ "$1" = udp ]; then
    cat >"$f"
    { head -c2 "$f"; printf '\203\200'; tail -c+5 "$f"; } | dd bs=4096 iflag=fullblock 2>/dev/null
else
    n=$(head -c2 | od -An -tu1 | awk '{print $1 * 256 + $2}')
    head -c "$n" >"$f"
    printf "\\x$(printf %02x $(((n + 1600) / 256)))\\x$(printf %02x $(((n + 1600) % 256)))"
    head -c2 "$f"; printf '\201\200\0\1\0\144\0\0\0\0'; tail -c+13 "$f"
    for i in {1..100}; do printf "\\300\\014\\0\\1\\0\\1\\0\\0\\0\\11\\0\\4\\300\\0\\2\\x$(printf %02x "$i")"; done
fi
rm "$f"
SH
    chmod +x "$T/long"
    dig() { on c dig +noedns +tries=1 +time=8 @10.96.0.10 "$@"; }
    background stranger socat -T2 UDP-RECVFROM:53,fork EXEC:"$T/long udp"
    background stranger socat -T2 TCP-LISTEN:53,fork,reuseaddr EXEC:"$T/long tcp"
    all() { [ "$(dig +short example.org | grep -c '^192\.0\.2\.')" = 100 ]; }
    wait_until all
    dig +ignore example.org | grep -q 'flags: qr tc' # so that the asker knows
    service out "" '.spec |= {type: "ExternalName", externalName: "example.org"}'
    service chain "" '.spec |= {type: "ExternalName", externalName: "kubernetes.default.svc.cluster.local"}'
    there() { [ "$(dig +short chain.default.svc.cluster.local | tr '\n' ' ')" = 'kubernetes.default.svc.cluster.local. 10.96.0.1 ' ]; }
    wait_until there
    [ "$(dig +short CNAME out.default.svc.cluster.local)" = example.org. ]
    [ "$(dig +short out.default.svc.cluster.local | head -2 | tr '\n' ' ')" = 'example.org. 192.0.2.1 ' ]
    [ "$(dig +short out.default.svc.cluster.local | wc -l)" = 101 ]
}

@test "a firewall that flushes every table: ours is there again" {
    service web 10.96.7.7
    slice web $A
    wait_until installed $A
    on node nft flush ruleset
    wait_until installed $A
    [ "$(ask c 10.96.7.7:80)" = a ]
}

@test "teardown leaves the host as it was" {
    service web 10.96.7.7
    wait_until installed 10.96.7.7
    kill "$PROXY"
    wait "$PROXY"
    on node "$WHERRY_BIN/wherry-proxy" teardown
    fails on node nft list table ip wherry_proxy
    [ -z "$(on node ip route show table all proto 119)" ]
    on node "$WHERRY_BIN/wherry-proxy" teardown
}

#!/usr/bin/env bats
# Two nodes: Pods spread, reach each other and Services across nodes, are drained by taints, and replaced when their node is lost.

bats_require_minimum_version 1.5.0
load cluster

setup_file() {
    export NODE_GRACE=12 # above the ten seconds in which a Lease is renewed
    cluster_start 2
}
teardown_file() { cluster_stop; }

node_ready() { [ "$(k get node "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')" = "$2" ]; }
ready_replicas() { [ "$(k get rc web -o jsonpath='{.status.readyReplicas}')" = "$1" ]; }
nodes_of_web() { k get pods -l app=web -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u; }
running_on() { # NODE COUNT: Pods of web there that are ready and not leaving
    [ "$(k get pods -l app=web --field-selector "spec.nodeName=$1" \
        -o jsonpath='{range .items[*]}{.metadata.deletionTimestamp}|{.status.containerStatuses[0].ready}{"\n"}{end}' | grep -cx '|true')" = "$2" ]
}

@test "two nodes are Ready, each with addresses of its own" {
    eventually 20 node_ready n1 True
    eventually 20 node_ready n2 True
    [ "$(k get nodes -o jsonpath='{.items[*].spec.podCIDR}')" != "" ]
    [ "$(k get node n1 -o jsonpath='{.spec.podCIDR}')" != "$(k get node n2 -o jsonpath='{.spec.podCIDR}')" ]
}

@test "one controller's Pods spread over both" {
    sed 's/^    spec:$/    spec:\n      tolerations: [{operator: Exists, effect: NoExecute, tolerationSeconds: 1}]/' examples/web.yaml |
        k apply -f - -f examples/client.yaml
    k scale rc web --replicas=4
    eventually 30 ready_replicas 4
    [ "$(nodes_of_web | wc -l)" = 2 ]
    k wait --for=condition=Ready pod/client --timeout=20s
}

@test "the Service reaches Pods of both nodes" {
    local answers
    answers=$(k exec client -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do timeout 5 wget -qO- http://web/; done' | sort -u)
    [ "$(wc -l <<<"$answers")" -gt 2 ]
    local name nodes=
    for name in $answers; do nodes+=$(k get pod "$name" -o jsonpath='{.spec.nodeName}')$'\n'; done
    [ "$(sort -u <<<"$nodes" | grep -c n)" = 2 ]
}

@test "a cordoned node gets no Pods" {
    k cordon n2
    k scale rc web --replicas=6
    eventually 20 ready_replicas 6
    running_on n2 2
    k uncordon n2
    k scale rc web --replicas=4
    eventually 20 ready_replicas 4
}

@test "a lost node: its Pods are replaced on the other, and it comes back clean" {
    # no daemon of it reaches the master any more
    ip -n "$CLUSTER-hub" link set n2 down
    eventually 40 node_ready n2 Unknown
    eventually 30 running_on n1 4
    ip -n "$CLUSTER-hub" link set n2 up
    eventually 60 node_ready n2 True
    eventually 30 running_on n1 4
    eventually 30 nothing_left_on_n2
}
# No Pod of web at the master, and no more shims than n2 has other Pods (the client, perhaps).
nothing_left_on_n2() {
    [ -z "$(k get pods -l app=web --field-selector spec.nodeName=n2 -o name)" ] &&
        [ "$(pgrep -cf "wherry-shim --run-dir $CLUSTER_DIR/n2/")" = "$(k get pods --field-selector spec.nodeName=n2 -o name | wc -l)" ]
}

#!/usr/bin/env bats
# kill -9 of each daemon and of a shim, under load: the end state is right, and no container restarts but the killed shim's own.

bats_require_minimum_version 1.5.0
load cluster

setup_file() { cluster_start 1; }
teardown_file() { cluster_stop; }

ready_replicas() { [ "$(k get rc web -o jsonpath='{.status.readyReplicas}')" = "$1" ]; }
restarts() { k get pods -o jsonpath='{range .items[*]}{.metadata.name}={.status.containerStatuses[0].restartCount}/{.status.containerStatuses[0].containerID}{"\n"}{end}' | sort; }
answers() { k exec client -- timeout 5 wget -qO- http://web/; }
# The daemon is a new process and the node is well.
is_back() { # DAEMON OLDPID
    local pid
    pid=$(pid_of 1 "$1") && [ "$pid" != "$2" ] && kill -0 "$pid" && k get --raw /readyz >/dev/null &&
        k get node n1 -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}' | grep -qx True
}
kill_daemon() {
    local old
    old=$(pid_of 1 "$1")
    kill -9 "$old"
    eventually 20 is_back "$1" "$old"
}

@test "the load: three replicas, a Service and a client" {
    k apply -f examples/web.yaml -f examples/client.yaml
    eventually 30 ready_replicas 3
    k wait --for=condition=Ready pod/client --timeout=30s
    eventually 10 answers
}

@test "kubelet killed: nothing restarts, and what changed meanwhile is done" {
    local before
    before=$(restarts)
    kill_daemon kubelet
    eventually 10 answers
    [ "$(restarts)" = "$before" ]
    k scale rc web --replicas=4
    eventually 20 ready_replicas 4
    k scale rc web --replicas=3
    eventually 20 ready_replicas 3
}

@test "kubelet killed while a Pod is deleted and another comes: both are finished" {
    local victim old
    victim=$(k get pods -l app=web -o name | head -1)
    old=$(pid_of 1 kubelet)
    k delete "$victim" --wait=false
    kill -9 "$old"
    eventually 20 is_back kubelet "$old"
    eventually 30 ready_replicas 3
    eventually 30 no_such "$victim"
}
no_such() { ! k get "$1" 2>/dev/null; }

@test "master killed: Pods run on, the store has everything, the node comes back" {
    local before
    before=$(restarts)
    k create configmap kept --from-literal=a=b
    kill_daemon master
    [ "$(k get configmap kept -o jsonpath='{.data.a}')" = b ]
    [ "$(restarts)" = "$before" ]
    eventually 20 ready_replicas 3
    k delete "$(k get pods -l app=web -o name | head -1)"
    eventually 20 ready_replicas 3
}

@test "proxy killed: Services answer on, and follow changes after it is back" {
    local before
    before=$(restarts)
    kill_daemon proxy
    eventually 10 answers
    [ "$(restarts)" = "$before" ]
    k delete "$(k get pods -l app=web -o name | head -1)"
    eventually 20 ready_replicas 3
    eventually 10 answers
}

@test "a shim killed: its Pod comes back, no other restarts" {
    local victim uid shim before
    victim=$(k get pods -l app=web -o jsonpath='{.items[0].metadata.name}')
    uid=$(k get pod "$victim" -o jsonpath='{.metadata.uid}')
    shim=$(pgrep -f "wherry-shim --run-dir $CLUSTER_DIR/n1/run/pods/$uid")
    before=$(restarts | grep -v "^$victim=")
    kill -9 "$shim"
    eventually 30 is_restarted "$victim"
    eventually 30 ready_replicas 3
    [ "$(restarts | grep -v "^$victim=")" = "$before" ]
    eventually 10 answers
}
is_restarted() { [ "$(k get pod "$1" -o jsonpath='{.status.containerStatuses[0].restartCount}')" = 1 ]; }

@test "supervisor killed: daemons and Pods go on, wherry up takes over" {
    local before
    before=$(restarts)
    kill -9 "$(pid_of 1 supervisor)"
    eventually 5 answers
    w up --name n1 --ip 198.18.0.1 --cgroup "/$CLUSTER-n1" --timeout 30
    eventually 10 answers
    [ "$(restarts)" = "$before" ]
}

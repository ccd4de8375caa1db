#!/usr/bin/env bats
# The whole way of a Pod with the real kubectl: three replicas behind a Service, on one node.

bats_require_minimum_version 1.5.0
load cluster

setup_file() { cluster_start 1; }
teardown_file() { cluster_stop; }

ready_replicas() { [ "$(k get rc web -o jsonpath='{.status.readyReplicas}')" = "$1" ]; }
no_pods_of_web() { [ -z "$(k get pods -l app=web -o name)" ]; }
pods_of_web() { k get pods -l app=web -o jsonpath='{range .items[?(@.status.phase=="Running")]}{.metadata.name}{"\n"}{end}'; }

@test "apply: a ReplicationController, a Service and a client become ready" {
    k apply -f examples/web.yaml -f examples/client.yaml
    eventually 30 ready_replicas 3
    k wait --for=condition=Ready pod/client --timeout=30s
}

@test "apply again changes nothing" {
    run k apply -f examples/web.yaml
    [ "$status" = 0 ]
    [ "$(grep -c unchanged <<<"$output")" = 2 ]
    [ "$(sed -n p examples/web.yaml | w apply -f - | grep -c unchanged)" = 2 ]
    [ "$(w apply -f <(sed -n p examples/web.yaml) | grep -c unchanged)" = 2 ]
}

@test "the Service answers by name and by cluster IP, from different Pods" {
    local ip answers
    ip=$(k get service web -o jsonpath='{.spec.clusterIP}')
    answers=$(k exec client -- sh -c "for i in 1 2 3 4 5 6; do timeout 5 wget -qO- http://web/; timeout 5 wget -qO- http://$ip/; done")
    [ "$(wc -l <<<"$answers")" = 12 ]
    [ "$(sort -u <<<"$answers" | wc -l)" -gt 1 ]
    local name
    for name in $(sort -u <<<"$answers"); do pods_of_web | grep -qx "$name"; done
}

@test "a deleted Pod is replaced, scaling goes both ways" {
    local victim
    victim=$(pods_of_web | head -1)
    k delete pod "$victim"
    eventually 20 ready_replicas 3
    run ! grep -qx "$victim" <(pods_of_web)
    k scale rc web --replicas=5
    eventually 20 ready_replicas 5
    k scale rc web --replicas=2
    eventually 20 ready_replicas 2
    k scale rc web --replicas=3
    eventually 20 ready_replicas 3
}

@test "a cluster IP answers no ping" {
    local ip pod
    ip=$(k get service web -o jsonpath='{.spec.clusterIP}')
    pod=$(k get endpoints web -o jsonpath='{.subsets[0].addresses[0].ip}') # one that stays
    run -0 k exec client -- ping -c 1 -W 2 "$pod"
    run -1 k exec client -- ping -c 1 -W 1 "$ip"
}

@test "logs, exec with its exit status, stdin" {
    k run talker --image=$IMAGE --restart=Never --image-pull-policy=IfNotPresent -- sh -c 'echo one; echo two; sleep 1000'
    k wait --for=condition=Ready pod/talker --timeout=20s
    [ "$(k logs talker --tail=1)" = two ]
    [ "$(k exec talker -- echo hi)" = hi ]
    run k exec talker -- sh -c 'exit 7'
    [ "$status" = 7 ]
    [ "$(echo typed | k exec -i talker -- cat)" = typed ]
    k delete pod talker --grace-period=1
}

@test "get, describe, label, edit, wait, delete" {
    k get nodes -o wide
    k get pods -o wide
    k get pods -o yaml >/dev/null
    [ "$(k get pod client -o name)" = pod/client ]
    k describe pod client | grep -q '^Status: *Running'
    k describe node n1 >/dev/null
    k label pod client x=one
    [ "$(k get pods -l x=one -o name)" = pod/client ]
    KUBE_EDITOR='sed -i s/x:\ one/x:\ two/' k edit pod client
    [ "$(k get pods -l x=two -o name)" = pod/client ]
    k delete -f examples/web.yaml
    eventually 20 no_pods_of_web
}

bytes_written() {
    local d sum=0
    for d in master kubelet proxy supervisor; do
        sum=$((sum + $(awk '/^write_bytes/ {print $2}' "/proc/$(pid_of 1 $d)/io")))
    done
    echo $sum
}
renewals() { k -n kube-node-lease get lease n1 -o jsonpath='{.metadata.resourceVersion} {.spec.renewTime}'; }
renewed_since() { [ "$(renewals)" != "$1" ]; }
quiet_renewal() { # what a Pod left to be done may still be written down: then the next one
    local before written
    before=$(renewals) written=$(bytes_written)
    eventually 30 renewed_since "$before" || return 1
    [ "$(bytes_written)" = "$written" ]
}

@test "a node at rest writes no byte, while its Lease is renewed" {
    eventually 60 quiet_renewal
}

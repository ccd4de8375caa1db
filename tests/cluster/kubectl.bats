#!/usr/bin/env bats
# The unmodified kubectl, in every version that is here: kubectl itself, and kubectl.1.NN from 1.30 on beside it.

bats_require_minimum_version 1.5.0
load cluster

setup_file() {
    cluster_start 1
    k apply -f examples/client.yaml
    k wait --for=condition=Ready pod/client --timeout=20s
}
teardown_file() { cluster_stop; }

versions() {
    local v dir
    dir=$(dirname "$(readlink -f "$(command -v kubectl)")")
    for v in 30 31 32 33; do [ -x "$dir/kubectl.1.$v" ] && echo "$dir/kubectl.1.$v"; done
    [ -x "$dir/kubectl.1.33" ] || command -v kubectl
}
# each COMMAND: with KUBECTL set to one version after the other
each() { for KUBECTL in $(versions); do export KUBECTL; echo "# $KUBECTL"; "$@" || return 1; done; }
minor() { k version -o json 2>/dev/null | sed -n 's/.*"minor": "\([0-9]*\).*/\1/p' | head -1; }

@test "version, api-resources, explain, cluster-info" {
    check() {
        k version && k api-resources | grep -q '^pods  *po' && k api-versions | grep -qx v1 &&
            k explain pod.spec.containers >/dev/null && k cluster-info >/dev/null
    }
    each check
}

@test "get in every form, describe" {
    check() {
        k get pods && k get pods -o wide && k get pods -A && k get pod client -o yaml >/dev/null &&
            [ "$(k get pod client -o name)" = pod/client ] && k get nodes,services,endpoints,namespaces,events >/dev/null &&
            k describe pod client | grep -q Running && k describe node n1 >/dev/null && k describe service kubernetes >/dev/null
    }
    each check
}

@test "get -w shows a change" {
    check() {
        local out=$CLUSTER_DIR/watch
        timeout 20 nsenter --net="/run/netns/$CLUSTER-hub" env KUBECONFIG="$CLUSTER_DIR/n1/state/admin.kubeconfig" HOME="$CLUSTER_DIR" \
            "$KUBECTL" get configmaps -w -o name >"$out" 2>&1 &
        local pid=$!
        eventually 10 grep -q kube-root-ca.crt "$out"
        k create configmap seen --from-literal=a=b
        eventually 10 grep -q configmap/seen "$out"
        kill $pid
        k delete configmap seen
    }
    each check
}

@test "create -f, apply, edit, label, annotate, patch, replace, delete" {
    check() {
        printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: "1"}\n' >"$CLUSTER_DIR/c.yaml"
        printf '#!/bin/sh\nsed -i "s/a: \\"2\\"/a: \\"3\\"/" "$1"\n' >"$CLUSTER_DIR/editor"
        chmod +x "$CLUSTER_DIR/editor"
        k create -f "$CLUSTER_DIR/c.yaml" && k delete -f "$CLUSTER_DIR/c.yaml" && k apply -f "$CLUSTER_DIR/c.yaml" &&
            sed -i 's/"1"/"2"/' "$CLUSTER_DIR/c.yaml" && k apply -f "$CLUSTER_DIR/c.yaml" | grep -q configured &&
            KUBE_EDITOR=$CLUSTER_DIR/editor k edit configmap c && [ "$(k get configmap c -o jsonpath='{.data.a}')" = 3 ] &&
            k label configmap c l=1 && k annotate configmap c n=1 && k patch configmap c -p '{"data":{"b":"4"}}' &&
            k patch configmap c --type json -p '[{"op":"remove","path":"/data/b"}]' && k replace -f "$CLUSTER_DIR/c.yaml" &&
            [ -z "$(k get configmap c -o jsonpath='{.data.b}')" ] && k delete configmap c
    }
    each check
}

@test "exec with status and stdin, exec -it, logs -f, attach" {
    check() {
        k run w --image=$IMAGE --image-pull-policy=IfNotPresent --restart=Never -- sh -c 'i=0; while true; do echo line $i; i=$((i+1)); sleep 0.1; done' &&
            k wait --for=condition=Ready pod/w --timeout=20s && [ "$(k exec w -- echo hi)" = hi ] || return 1
        run k exec w -- sh -c 'exit 5'
        [ "$status" = 5 ]
        [ "$(head -c 300000 /dev/zero | k exec -i w -- wc -c)" = 300000 ]
        script -qec "nsenter --net=/run/netns/$CLUSTER-hub env KUBECONFIG=$CLUSTER_DIR/n1/state/admin.kubeconfig HOME=$CLUSTER_DIR $KUBECTL exec -it w -- tty" /dev/null |
            grep -q /dev/pts/ || return 1
        timeout 10 nsenter --net="/run/netns/$CLUSTER-hub" env KUBECONFIG="$CLUSTER_DIR/n1/state/admin.kubeconfig" HOME="$CLUSTER_DIR" \
            "$KUBECTL" logs -f w 2>/dev/null | sed '/line 5$/q' | grep -q 'line 0' || return 1
        timeout 10 nsenter --net="/run/netns/$CLUSTER-hub" env KUBECONFIG="$CLUSTER_DIR/n1/state/admin.kubeconfig" HOME="$CLUSTER_DIR" \
            "$KUBECTL" attach w 2>/dev/null | sed 3q | grep -q line || return 1
        k delete pod w --grace-period=0 --force
    }
    each check
}

@test "wait, scale, delete with a controller" {
    check() {
        k apply -f examples/web.yaml && k wait --for=jsonpath='{.status.readyReplicas}'=3 rc/web --timeout=30s && k scale rc web --replicas=1 &&
            k wait --for=jsonpath='{.status.replicas}'=1 rc/web --timeout=20s && k delete -f examples/web.yaml
    }
    each check
}

@test "what is wrong is refused with its field and value" {
    run -1 k create configmap 'Not_A_Name' --from-literal=a=b
    [[ $output == *'metadata.name'* && $output == *'Not_A_Name'* ]]
    run -1 k apply -f - <<<'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"c"}]}}'
    [[ $output == *'spec.containers[0].image'* ]]
    run -1 k apply -f - <<<'{"apiVersion":"v1","kind":"Nonsense","metadata":{"name":"x"}}'
    [[ $output == *Nonsense* ]]
    run -1 k apply -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":1}}'
    run -1 k apply -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"dataa":{"a":"b"}}'
    [[ $output == *dataa* ]]
}

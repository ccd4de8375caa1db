#!/usr/bin/env bats
# The API with the real kubectl and with plain requests, and a master alone: no Pod runs here.

load api

setup_file() {
    master_start
    printf '#!/bin/sh\nsed -i "s/^  replicas: 3/  replicas: 2/" "$1"\n' >"$API_DIR/editor"
    chmod +x "$API_DIR/editor"
}
teardown_file() { master_stop; }

status_of() { tail -n 1 <<<"$output"; }

# Every kubectl beside the one on PATH, from 1.30 to 1.33; the one on PATH where there are none.
kubectls() {
    local dir found=0 v
    dir=$(dirname "$(readlink -f "$(command -v kubectl)")")
    for v in 1.30 1.31 1.32 1.33; do
        [ -x "$dir/kubectl.$v" ] && { echo "$dir/kubectl.$v"; found=1; }
    done
    [ "$found" = 1 ] || command -v kubectl
}

web() { # REPLICAS
    cat <<YAML
apiVersion: v1
kind: ReplicationController
metadata: {name: web}
spec:
  replicas: $1
  selector: {app: web}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: "busybox:1", ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
YAML
}

@test "every kubectl: apply, get, describe, edit, label, scale, wait, explain, delete" {
    for KUBECTL in $(kubectls); do
        echo "# $KUBECTL"
        k version -o json | grep -q serverVersion
        k api-resources | grep -q replicationcontrollers
        web 2 | k apply -f - | grep -c created | grep -qx 2
        web 2 | k apply -f - | grep -c unchanged | grep -qx 2
        web 3 | k apply -f - | grep -q 'replicationcontroller/web configured'
        k wait rc/web --for=jsonpath='{.status.replicas}'=3 --timeout=10s
        k get rc web -o wide | grep -q 'busybox:1'
        k get rc,svc -o name | grep -q service/web
        k get svc web -o yaml | grep -q 'clusterIP: 10.96.'
        [ "$(k get pods -l app=web --no-headers | wc -l)" = 3 ]
        k describe rc web | grep -q SuccessfulCreate
        k describe svc web | grep -q Selector
        EDITOR="$API_DIR/editor" k edit rc web | grep -q edited
        k wait rc/web --for=jsonpath='{.status.replicas}'=2 --timeout=10s
        k scale rc web --replicas=1 | grep -q scaled
        k wait rc/web --for=jsonpath='{.status.replicas}'=1 --timeout=10s
        k label svc web tier=front | grep -q labeled
        k get svc -l tier=front -o name | grep -qx service/web
        k explain pod.spec.containers | grep -q imagePullPolicy
        web 1 | k delete --timeout=20s -f -
        eventually 10 no_pods_of_web
    done
}
no_pods_of_web() { [ -z "$(k get pods -l app=web -o name)" ]; }

@test "kubectl create -f refuses unknown fields, and says which" {
    run k create -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","zork":1},"data":{"a":"1"},"b":2}'
    [ "$status" != 0 ]
    [[ "$output" == *'unknown field "b"'* && "$output" == *'unknown field "metadata.zork"'* ]]
    run api GET /api/v1/namespaces/default/configmaps/x
    [ "$(status_of)" = 404 ]
}

@test "bad bodies are refused and change nothing" {
    local body
    for body in '{' '[]' '"x"' '{"metadata":{"name":"a b"}}' '{"metadata":{"name":"x"},"data":1}' '{"kind":"Pod","metadata":{"name":"x"}}' \
        '{"metadata":{"name":"x"},"data":{"a":{}}}' 'kind: ConfigMap'; do
        run api POST /api/v1/namespaces/default/configmaps "$body"
        [[ "$(status_of)" = 4* ]]
        [[ "$output" == *'"kind":"Status"'* ]]
    done
    run api POST /api/v1/namespaces/default/configmaps x text/plain
    [ "$(status_of)" = 415 ]
    head -c 4000000 /dev/zero | tr '\0' x >"$API_DIR/big"
    run api POST /api/v1/namespaces/default/configmaps "@$API_DIR/big"
    [ "$(status_of)" = 413 ]
    run api GET /api/v1/namespaces/default/configmaps/x
    [ "$(status_of)" = 404 ]
}

@test "deep nesting and huge maps do not hold the master up" {
    { printf '{"metadata":{"name":"deep"},"data":'; printf '{"a":%.0s' {1..5000}; } >"$API_DIR/deep"
    run api POST /api/v1/namespaces/default/configmaps "@$API_DIR/deep"
    [[ "$(status_of)" = 4* ]]
    { printf '{"metadata":{"name":"wide"},"data":{"k0":""'; seq 1 100000 | sed 's/.*/,"k&":""/' | tr -d '\n'; printf '}}'; } >"$API_DIR/wide"
    run api POST /api/v1/namespaces/default/configmaps "@$API_DIR/wide"
    [ "$(status_of)" = 413 ]
    { printf '{"metadata":{"name":"long"},"spec":{"containers":[{"name":"c","image":"x"}'; seq 1 30000 | sed 's/.*/,{"name":"c&"}/' | tr -d '\n'; printf ']}}'; } >"$API_DIR/long"
    run api POST /api/v1/namespaces/default/pods "@$API_DIR/long"
    [ "$(status_of)" = 413 ]
    run serves
    [ "$output" = ok ]
}

@test "who asks: nobody is told anything but health and version, a node and the proxy what they need" {
    run as nobody GET /api/v1/pods
    [ "$(status_of)" = 401 ]
    for p in /healthz /livez /readyz /version; do
        run as nobody GET $p
        [ "$(status_of)" = 200 ]
    done
    run as kubelet GET /api/v1/pods
    [ "$(status_of)" = 200 ]
    run as kubelet POST /api/v1/namespaces/default/services '{"metadata":{"name":"x"},"spec":{"ports":[{"port":1}]}}'
    [ "$(status_of)" = 403 ]
    run as proxy GET /apis/discovery.k8s.io/v1/endpointslices
    [ "$(status_of)" = 200 ]
    run as proxy GET /api/v1/secrets
    [ "$(status_of)" = 403 ]
    [[ "$output" == *'User \"system:kube-proxy\" cannot list resource \"secrets\"'* ]]
}

@test "a certificate of another CA is nobody's" {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /O=system:masters/CN=admin \
        -keyout "$API_DIR/bad.key" -out "$API_DIR/bad.crt" 2>/dev/null
    run in_net curl -sS --max-time 10 --cacert "$API_DIR/state/pki/ca.crt" --cert "$API_DIR/bad.crt" --key "$API_DIR/bad.key" \
        -w '\n%{http_code}\n' https://198.18.0.1:6443/api/v1/pods
    [ "$status" != 0 ] || [ "$(status_of)" = 401 ]
}

@test "what a cluster always has is there" {
    for ns in default kube-system kube-public kube-node-lease; do
        k get ns $ns -o jsonpath='{.status.phase}' | grep -qx Active
        eventually 5 k -n $ns get sa/default configmap/kube-root-ca.crt -o name
    done
    [ "$(k get svc kubernetes -o jsonpath='{.spec.clusterIP}')" = 10.96.0.1 ]
    [ "$(k -n kube-system get svc kube-dns -o jsonpath='{.spec.clusterIP}')" = 10.96.0.10 ]
    [ "$(k get endpointslice kubernetes -o jsonpath='{.endpoints[0].addresses[0]}:{.ports[0].port}')" = 198.18.0.1:6443 ]
}

@test "lists in pieces, and the watch that follows them, miss nothing" {
    local i token rv page names=
    for i in 1 2 3 4 5 6 7; do k create configmap page$i --from-literal=a=$i >/dev/null; k label configmap page$i set=page >/dev/null; done
    while :; do
        page=$(api GET "/api/v1/namespaces/default/configmaps?labelSelector=set%3Dpage&limit=3&continue=$token" | sed '$d')
        names+=$(jq -r '.items[].metadata.name' <<<"$page" | tr '\n' ' ')
        rv=${rv:-$(jq -r .metadata.resourceVersion <<<"$page")}
        token=$(jq -r '.metadata.continue // empty' <<<"$page")
        [ -n "$token" ] || break
        k patch configmap page1 -p '{"data":{"a":"changed"}}' >/dev/null
    done
    [ "$names" = "page1 page2 page3 page4 page5 page6 page7 " ]
    run api GET "/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=1&labelSelector=set%3Dpage&resourceVersion=$rv"
    [[ "$output" == *'"MODIFIED"'*changed* ]]
    k delete configmap -l set=page >/dev/null
}

@test "a watch told of changes as they come; too old a version gets 410" {
    in_net timeout 20 curl -sSN --cacert "$API_DIR/state/pki/ca.crt" --cert "$API_DIR/state/pki/admin.crt" --key "$API_DIR/state/pki/admin.key" \
        "https://198.18.0.1:6443/api/v1/namespaces/default/secrets?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan" \
        >"$API_DIR/watch" 3>&- &
    eventually 5 grep -q initial-events-end "$API_DIR/watch"
    k create secret generic seen --from-literal=a=b >/dev/null
    k delete secret seen >/dev/null
    eventually 5 grep -q '"DELETED"' "$API_DIR/watch"
    [ "$(jq -r .type "$API_DIR/watch" | tr '\n' ' ')" = "BOOKMARK ADDED DELETED " ]
    kill %1
    master_kill
    master_again
    run api GET '/api/v1/secrets?watch=1&resourceVersion=1&timeoutSeconds=1'
    echo "$output"
    [[ "$output" == *'"ERROR"'*'"code":410'* ]]
}

@test "a watch as a table: the bookmark is a row, too" {
    local pki=$API_DIR/state/pki line
    line=$(in_net curl -sS --max-time 20 --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" \
        -H 'Accept: application/json;as=Table;g=meta.k8s.io;v=v1' \
        "https://198.18.0.1:6443/api/v1/configmaps?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=none&timeoutSeconds=1")
    [[ "$line" == '{"type":"BOOKMARK","object":{"kind":"Table",'*'"cells":["",0,"<unknown>"]'*'"k8s.io/initial-events-end":"true"'* ]]
}

@test "a namespace goes with everything in it" {
    k create ns gone >/dev/null
    k -n gone create configmap a >/dev/null
    web 2 | k -n gone apply -f - >/dev/null
    k delete ns gone --timeout=20s
    run k get ns gone
    [ "$status" != 0 ]
    run api GET /api/v1/namespaces/gone/pods
    [[ "$output" == *'"items":[]'* ]]
}

@test "a namespace says what its end waits for" {
    k create ns held >/dev/null
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, finalizers: [example.com/hold]}\n---\n' a b | k -n held create -f - >/dev/null
    k delete ns held --wait=false
    held() { [ "$(k get ns held -o jsonpath="{.status.conditions[?(@.type=='$1')].message}")" = "$2" ]; }
    eventually 20 held NamespaceContentRemaining "Some resources are remaining: configmaps. has 2 resource instances"
    held NamespaceFinalizersRemaining "Some content in the namespace has finalizers remaining: example.com/hold in 2 resource instances"
    local name
    for name in a b; do k -n held patch configmap "$name" --type=merge -p '{"metadata":{"finalizers":null}}' >/dev/null; done
    k wait --for=delete ns/held --timeout=20s
}

@test "kill -9 under load: what was answered is there, addresses are not given twice" {
    local i created=()
    for i in $(seq 1 200); do
        api POST /api/v1/namespaces/default/services "{\"metadata\":{\"name\":\"s$i\",\"labels\":{\"kill\":\"yes\"}},\"spec\":{\"ports\":[{\"port\":80}]}}" \
            2>/dev/null | tail -n 1 | grep -qx 201 && echo "s$i" >>"$API_DIR/answered"
        [ -e "$API_DIR/stop" ] && break
    done 3>&- &
    eventually 20 answered_at_least 20
    master_kill
    touch "$API_DIR/stop"
    wait %1 || true
    master_again
    while read -r i; do k get svc "$i" -o name >/dev/null || { echo "lost: $i"; return 1; }; done <"$API_DIR/answered"
    for i in 1 2 3 4 5; do k create svc clusterip after$i --tcp=80 >/dev/null; k label svc after$i kill=yes >/dev/null; done
    [ -z "$(k get svc -A -o jsonpath='{range .items[*]}{.spec.clusterIP}{"\n"}{end}' | sort | uniq -d)" ]
    k delete svc -l kill=yes >/dev/null
}
answered_at_least() { [ "$(wc -l <"$API_DIR/answered")" -ge "$1" ]; }

@test "a second master on the same state, and a taken port, are refused with a reason" {
    run in_net timeout 10 "$BIN/wherry-master" --state "$API_DIR/state" --run "$API_DIR/run2" --advertise 198.18.0.1 --port 7443
    [ "$status" = 1 ]
    [[ "$output" == *'another master has it open'* ]]
    run in_net timeout 20 "$BIN/wherry-master" --state "$API_DIR/state2" --run "$API_DIR/run2" --advertise 198.18.0.1
    [ "$status" = 1 ]
    [[ "$output" == *6443* ]]
    run "$BIN/wherry-master" --state "$API_DIR/state3" --advertise nonsense
    [ "$status" = 1 ]
    [[ "$output" == *nonsense* ]]
}

@test "credentials of another node" {
    "$BIN/wherry-master" node-credentials --state "$API_DIR/state" --node-name n2 --node-ip 198.18.0.2 --advertise 198.18.0.1 --out "$API_DIR/n2"
    [ "$(stat -c %a "$API_DIR/n2/kubelet.key")" = 600 ]
    run in_net env KUBECONFIG="$API_DIR/n2/kubelet.kubeconfig" kubectl --cache-dir "$API_DIR/cache2" create -f - <<<'{"apiVersion":"v1","kind":"Node","metadata":{"name":"n2"}}'
    [ "$status" = 0 ]
    eventually 5 has_pod_cidr n2
    k delete node n2
}
has_pod_cidr() { k get node "$1" -o jsonpath='{.spec.podCIDR}' | grep -q '^10\.244\.[0-9]*\.0/24$'; }

@test "a full disk: writes are refused with a reason, reads go on, and so do writes once there is room" {
    local dir=$API_DIR/full pid i
    mkdir "$dir"
    (exec nsenter --net="/run/netns/$API_NET" unshare -m --propagation private sh -c 'mount -t tmpfs -o size=4m none "$1" &&
        exec "$2" --state "$1" --run "$1/run" --advertise 198.18.0.1 --port 7444' sh "$dir" "$BIN/wherry-master" \
        </dev/null >"$API_DIR/full.log" 2>&1 3>&- 4>&-) &
    pid=$!
    in_full() { nsenter --mount="/proc/$pid/ns/mnt" --net="/run/netns/$API_NET" "$@"; }
    full() { # METHOD PATH [BODY-FILE]
        in_full curl -sS --max-time 20 --cacert "$dir/pki/ca.crt" --cert "$dir/pki/admin.crt" --key "$dir/pki/admin.key" -w '\n%{http_code}\n' \
            -X "$1" -H 'Content-Type: application/json' ${3:+--data-binary "@$3"} "https://198.18.0.1:7444/api/v1/namespaces/default/configmaps$2"
    }
    listed() { full GET '' | tail -n 1 | grep -qx 200; }
    eventually 20 listed
    for i in $(seq 1 40); do
        { printf '{"metadata":{"name":"f%s"},"data":{"a":"' "$i"; head -c 200000 /dev/zero | tr '\0' x; printf '"}}'; } >"$API_DIR/body"
        run full POST '' "$API_DIR/body"
        [ "$(status_of)" = 201 ] || break
    done
    [ "$(status_of)" = 500 ]
    [[ "$output" == *'full'* ]]
    run full GET /f1
    [ "$(status_of)" = 200 ]
    run full GET "/f$i"
    [ "$(status_of)" = 404 ]
    in_full mount -o remount,size=40m "$dir"
    run full POST '' "$API_DIR/body"
    [ "$(status_of)" = 201 ]
    kill "$pid"
    timeout 20 tail --pid="$pid" -f /dev/null
}

#!/usr/bin/env bats
# Logs, exec and attach on the way to a kubelet, with a fake one that records what it is asked and answers what the test says.
# The real one is tested in spine.bats.

load api

setup_file() {
    master_start
    export API_FAKE
    API_FAKE=$(mktemp -d "$API_DIR/fake.XXXXXX")
    api POST /api/v1/nodes '{"metadata":{"name":"n"}}' >/dev/null
    address 198.18.0.1
    api POST /api/v1/namespaces/default/pods '{"metadata":{"name":"p"},"spec":{"nodeName":"n","containers":[{"name":"c","image":"x"}]}}' >/dev/null
    api POST /api/v1/namespaces/default/pods '{"metadata":{"name":"two"},"spec":{"nodeName":"n","containers":[{"name":"a","image":"x"},{"name":"b","image":"x"}]}}' >/dev/null
    cat >"$API_FAKE/kubelet" <<'SH'
#!/bin/sh
while IFS= read -r line; do
    line=$(printf %s "$line" | tr -d '\r')
    [ -n "$line" ] || break
    echo "$line" >>"$API_FAKE/request"
done
cat "$API_FAKE/reply"
timeout 1 cat >>"$API_FAKE/more"
SH
    chmod +x "$API_FAKE/kubelet"
    local pki=$API_DIR/state/pki
    (exec nsenter --net="/run/netns/$API_NET" setsid socat -T 20 \
        "OPENSSL-LISTEN:10250,reuseaddr,fork,cert=$pki/kubelet-server.crt,key=$pki/kubelet-server.key,cafile=$pki/ca.crt,verify=1" \
        "EXEC:$API_FAKE/kubelet" </dev/null >"$API_FAKE/socat" 2>&1 3>&- 4>&-) &
    echo $! >"$API_FAKE/pid"
    eventually 5 listens
}
teardown_file() {
    kill "$(cat "$API_FAKE/pid")" 2>/dev/null
    master_stop
}
setup() { : >"$API_FAKE/request"; : >"$API_FAKE/more"; }

listens() { in_net ss -ltn | grep -q :10250; }
address() { api PATCH /api/v1/nodes/n/status "{\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"$1\"}]}}" application/merge-patch+json >/dev/null; }
status_of() { tail -n 1 <<<"$output"; }
reply() { printf '%b' "$1" >"$API_FAKE/reply"; }
upgrade() { # PATH
    in_net curl -sS --max-time 5 --http1.1 --cacert "$API_DIR/state/pki/ca.crt" --cert "$API_DIR/state/pki/admin.crt" --key "$API_DIR/state/pki/admin.key" \
        -w '\n%{http_code}\n' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
        -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H 'Sec-WebSocket-Protocol: v5.channel.k8s.io' "https://198.18.0.1:6443$1"
}

@test "logs are passed on, and so are their options" {
    reply 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\none\ntwo\n'
    run api GET '/api/v1/namespaces/default/pods/p/log?tailLines=2&timestamps=true&zork=1'
    [ "$(status_of)" = 200 ]
    [[ "$output" == one$'\n'two* ]]
    grep -qx 'GET /containerLogs/default/p/c?tailLines=2&timestamps=true HTTP/1.1' "$API_FAKE/request"
}

@test "which container: the only one, or one that there is" {
    run api GET /api/v1/namespaces/default/pods/two/log
    [ "$(status_of)" = 400 ]
    [[ "$output" == *'a container name must be specified for pod two, choose one of: [a b]'* ]]
    run api GET '/api/v1/namespaces/default/pods/two/log?container=zz'
    [ "$(status_of)" = 400 ]
    run api GET '/api/v1/namespaces/default/pods/nosuch/log'
    [ "$(status_of)" = 404 ]
    run api GET '/api/v1/namespaces/default/pods/p/log?tailLines=-1'
    [ "$(status_of)" = 422 ]
    [ ! -s "$API_FAKE/request" ]
}

@test "what the kubelet refuses is refused with its words" {
    reply 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\ncontainer "c" in pod "p" is waiting to start: ContainerCreating\n'
    run api GET /api/v1/namespaces/default/pods/p/log
    [ "$(status_of)" = 400 ]
    [[ "$output" == *'waiting to start: ContainerCreating'*'"reason":"BadRequest"'* ]]
}

@test "a redirect of a node is not followed, and its body goes nowhere" {
    in_net timeout 20 socat TCP-LISTEN:9999,reuseaddr,fork "SYSTEM:cat >>$API_FAKE/elsewhere" 3>&- &
    reply 'HTTP/1.1 302 Found\r\nLocation: http://198.18.0.1:9999/secret\r\nConnection: close\r\n\r\nCANARY'
    run api GET /api/v1/namespaces/default/pods/p/log
    [ "$(status_of)" = 502 ]
    [[ "$output" != *CANARY* ]]
    run upgrade '/api/v1/namespaces/default/pods/p/exec?command=ls&stdout=true'
    [ "$(status_of)" = 502 ]
    [[ "$output" != *CANARY* ]]
    [ ! -e "$API_FAKE/elsewhere" ]
    kill %1
}

@test "exec asks the kubelet in its own words, and a refused upgrade carries nothing further" {
    reply 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'
    run upgrade '/api/v1/namespaces/default/pods/p/exec?command=ls&command=-l%20x&stdin=true&stdout=true&stderr=true'
    [ "$(status_of)" = 403 ]
    grep -qx 'GET /exec/default/p/c?command=ls&command=-l%20x&input=1&output=1&error=1 HTTP/1.1' "$API_FAKE/request"
    grep -qix 'Sec-WebSocket-Protocol: v5.channel.k8s.io' "$API_FAKE/request"
    [ ! -s "$API_FAKE/more" ]
    reply 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    run upgrade '/api/v1/namespaces/default/pods/p/attach?stdout=true'
    [ "$(status_of)" = 502 ]
}

@test "exec that is none is not sent" {
    run upgrade '/api/v1/namespaces/default/pods/p/exec?stdout=true'
    [ "$(status_of)" = 400 ]
    run upgrade '/api/v1/namespaces/default/pods/p/exec?command=ls'
    [ "$(status_of)" = 400 ]
    run api GET '/api/v1/namespaces/default/pods/p/exec?command=ls&stdout=true'
    [ "$(status_of)" = 400 ]
    [[ "$output" == *'Upgrade request required'* ]]
    run as kubelet GET '/api/v1/namespaces/default/pods/p/exec?command=ls&stdout=true'
    [ "$(status_of)" = 403 ]
    [ ! -s "$API_FAKE/request" ]
}

@test "a node that claims an address of this host's own is not called" {
    for a in 127.0.0.1 169.254.169.254 0.0.0.0 224.0.0.1 nonsense; do
        address $a
        run api GET /api/v1/namespaces/default/pods/p/log
        [ "$(status_of)" = 500 ]
        [[ "$output" == *'no usable address'* ]]
    done
    address 198.18.0.1
    [ ! -s "$API_FAKE/request" ]
}

@test "a node that is not there" {
    address 198.18.0.99
    run api GET /api/v1/namespaces/default/pods/p/log
    [ "$(status_of)" = 502 ]
    address 198.18.0.1
}

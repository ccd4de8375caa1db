#!/usr/bin/env bats
# A node without a master: wherry run, ps, exec, logs, attach, images, and the folder of manifests.

bats_require_minimum_version 1.5.0
load cluster

setup_file() {
    export CLUSTER=wherry-test-$$ CLUSTER_NODES=1 CLUSTER_DIR
    CLUSTER_DIR=$(mktemp -d /tmp/wh.XXXXXX)
    _host_snapshot >"$CLUSTER_DIR/before"
    examples/make-busybox-image "$CLUSTER_DIR/busybox.tar" "$IMAGE"
    ip netns add "$CLUSTER-n1"
    ip -n "$CLUSTER-n1" link set lo up
    mkdir -p "$CLUSTER_DIR/n1"
    w up --no-master --name solo --ip 127.0.0.1 --cgroup "/$CLUSTER-n1" --timeout 20
    w load "$CLUSTER_DIR/busybox.tar"
}
teardown_file() { cluster_stop; }

running() { w ps | grep -q 'client .*running'; }
gone() { ! w ps | grep -q client; }

@test "run: a Pod of this node, with its address, exec and logs" {
    w run --timeout 20 examples/client.yaml
    running
    [ "$(w exec client -- hostname)" = client ]
    run -4 w exec client -- sh -c 'exit 4'
    [ "$(echo typed | w exec -i client -- cat)" = typed ]
    w logs client
    run -1 w exec nobody -- true
    [[ $output == *'"nobody" not found'* ]]
}

@test "an image in use is not removed" {
    run -1 w rmi "$IMAGE"
    [[ $output == *'in use'* ]]
}

@test "a file that is gone is a Pod that ends" {
    rm "$CLUSTER_DIR"/n1/state/manifests/*
    eventually 20 gone
    w rmi "$IMAGE"
    [ -z "$(w images -o name)" ]
}

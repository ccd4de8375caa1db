# Pods that come and go leave nothing behind, on the host or in a daemon: what there was after the first rounds is
# what there is after the last. ROUNDS=30 makes it a long run (ten Pods a round).

load cluster
setup_file() { cluster_start 1; }
teardown_file() { cluster_stop; }

# One round: four Pods that run, with a network, volumes, probes and a Secret, two that end, two crash loops, two whose
# image is not to be had. What the loops say last is taken as "they had their turn".
manifests() {
    local i n=0
    pod() { printf -- '---\n{"apiVersion":"v1","kind":"Pod","metadata":{"name":"cycle-%d"},"spec":{"terminationGracePeriodSeconds":0,%s}}\n' $((n++)) "$1"; }
    for i in 1 2 3 4; do
        pod '"volumes":[{"name":"s","secret":{"secretName":"s"}},{"name":"m","emptyDir":{"medium":"Memory"}},{"name":"d","emptyDir":{}}],
            "initContainers":[{"name":"i","image":"'$IMAGE'","command":["touch","/d/f"],"volumeMounts":[{"name":"d","mountPath":"/d"}]}],
            "containers":[{"name":"c","image":"'$IMAGE'","command":["httpd","-f"],"ports":[{"containerPort":80,"hostPort":'$((8000 + i))'}],
                "readinessProbe":{"periodSeconds":1,"tcpSocket":{"port":80}},"livenessProbe":{"periodSeconds":1,"exec":{"command":["true"]}},
                "volumeMounts":[{"name":"s","mountPath":"/s"},{"name":"m","mountPath":"/m"},{"name":"d","mountPath":"/d"}]}]'
    done
    for i in 1 2; do pod '"restartPolicy":"Never","containers":[{"name":"c","image":"'$IMAGE'","command":["sh","-c","exit '$i'"]}]'; done
    for i in 1 2; do pod '"containers":[{"name":"c","image":"'$IMAGE'","command":["sh","-c","echo x; exit 1"]}]'; done
    for i in 1 2; do pod '"containers":[{"name":"c","image":"localhost:1/none:'$i'"}]'; done
}
states() { k get pods -o jsonpath='{range .items[*]}{.status.phase}:{.status.containerStatuses[*].restartCount}:{.status.containerStatuses[*].ready}:{.status.containerStatuses[*].state.waiting.reason}{"\n"}{end}' | sort | uniq -c | tr -s ' '; }
had_their_turn() {
    states >"$CLUSTER_DIR/states"
    grep -qx ' 4 Running:0:true:' "$CLUSTER_DIR/states" && grep -qx ' 2 Failed:0:false:' "$CLUSTER_DIR/states" &&
        [ "$(awk '/Running:[1-9][0-9]*:false/ {n += $1} END {print n + 0}' "$CLUSTER_DIR/states")" = 2 ] &&
        [ "$(awk '/Pull/ {n += $1} END {print n + 0}' "$CLUSTER_DIR/states")" = 2 ] || { cat "$CLUSTER_DIR/states"; return 1; }
}
no_pods() { [ -z "$(k get pods -o name)" ]; }
# round [COMMAND...]: the command is run while they come, and while they go
round() {
    k create -f "$CLUSTER_DIR/round.yaml" >/dev/null
    "$@"
    eventually 60 had_their_turn
    k exec cycle-0 -c c -- cat /s/key >/dev/null
    k delete pods --all --wait=false >/dev/null
    "$@"
    eventually 60 no_pods
}
kubelet_killed() { kill -9 "$(pid_of 1 kubelet)"; } # at whatever it is doing

# What is on the host for Pods: paths without what is new each time.
host_inventory() {
    echo "cgroups"; find /sys/fs/cgroup -type d -path "*/$CLUSTER-n1/*" | sort
    echo "mounts"; grep -c "$CLUSTER_DIR" /proc/self/mountinfo || true
    echo "links"; at 1 ip -o link | cut -d: -f2 | sort
    echo "addresses"; ls "$CLUSTER_DIR/n1/state/cni" "$CLUSTER_DIR"/n1/state/cni/*/
    echo "nft"; at 1 nft list ruleset | grep -v 'table ip wherry_proxy' | grep -E '^table|elements|comment' | sort
    echo "pods"; ls "$CLUSTER_DIR/n1/state/pods" "$CLUSTER_DIR/n1/run/pods" "$CLUSTER_DIR/n1/state/images/pins" "$CLUSTER_DIR/n1/state/logs/pods"
    echo "runtime"; find "$CLUSTER_DIR/n1/run/runtime" -mindepth 1 2>/dev/null | sort
    echo "processes"; pgrep -af "$CLUSTER_DIR/n1/" | cut -d' ' -f2 | grep -v -e pgrep -e bash | sort | uniq -c
}
descriptors() {
    local d
    for d in kubelet master proxy; do echo "$d $(ls "/proc/$(pid_of 1 $d)/fd" | wc -l)"; done
}
resident() { local d; for d in kubelet master proxy; do echo "$d $(awk '/^RssAnon/ {print $2}' "/proc/$(pid_of 1 $d)/status")"; done; }
# Without a grace the object is gone first, what was there for it a moment later; /proc/self/exe: who empties the kubelet's trash.
nothing_left() { host_inventory >"$CLUSTER_DIR/first"; ! grep -E '[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{64}|wherry-shim| wh[0-9a-f]{6}| /proc/self/exe' "$CLUSTER_DIR/first"; }
settled() { host_inventory >"$CLUSTER_DIR/now"; diff "$CLUSTER_DIR/first" "$CLUSTER_DIR/now"; }
# Connections that are kept alive come and go: a few are no leak, one per Pod would be.
descriptors_as_before() {
    descriptors | paste - "$CLUSTER_DIR/fds.first" | awk '{print} $2 > $4 + 4 {more = 1} END {exit more}'
}

@test "cycles of Pods leave the host as it was, and the daemons their descriptors" {
    local i
    manifests >"$CLUSTER_DIR/round.yaml"
    k create secret generic s --from-literal=key=value
    round
    eventually 20 nothing_left
    descriptors >"$CLUSTER_DIR/fds.first"
    resident | sed 's/^/# kB after the first round: /' >&3
    for ((i = 1; i < ${ROUNDS:-3}; i++)); do round; done
    eventually 40 settled
    eventually 20 descriptors_as_before
    resident | sed 's/^/# kB after the last: /' >&3
}

@test "nor do they when the kubelet is killed while they come and while they go" {
    local i
    for ((i = 1; i < ${ROUNDS:-3}; i++)); do round kubelet_killed; done
    eventually 40 settled
}

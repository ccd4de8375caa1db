# How a node treats Pods, where one would not guess it: what was seen on a node of Kubernetes 1.36 holds here.

load cluster
setup_file() { cluster_start 1; }
teardown_file() { cluster_stop; }

# pod NAME SPEC: one container c (and what SPEC says besides) in namespace default
pod() { printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s"},"spec":{"restartPolicy":"Never","terminationGracePeriodSeconds":1,%s}}' "$1" "$2"; }
c() { printf '"containers":[{"name":"c","image":"%s","command":["sh","-c","%s"]%s}]' "$IMAGE" "$1" "${2:+,$2}"; } # SCRIPT [MORE]
is() { [ "$(k get pod "$1" -o jsonpath="$2")" = "$3" ]; }                                                         # POD JSONPATH VALUE

@test "a refused Pod has a phase, a reason and a message, and no conditions" {
    pod refused "\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.msgmax\",\"value\":\"65536\"}]},$(c true)" | k create -f -
    eventually 10 is refused '{.status.phase} {.status.reason}' "Failed SysctlForbidden"
    is refused '{.status.conditions}{.status.containerStatuses}' ''
    k get pod refused -o jsonpath='{.status.message}' | grep '^Pod was rejected: '
}

@test "resources of the whole Pod make its quality of service" {
    pod whole "\"resources\":{\"limits\":{\"cpu\":\"300m\",\"memory\":\"96Mi\"},\"requests\":{\"cpu\":\"100m\"}},$(c true)" | k create -f -
    eventually 10 is whole '{.status.phase} {.status.qosClass}' "Succeeded Burstable"
}

@test "a memory volume is a tmpfs of a size, never swapped out" {
    pod memory "\"volumes\":[{\"name\":\"m\",\"emptyDir\":{\"medium\":\"Memory\"}}],$(
        c 'grep -E \" (/m|/dev/shm) \" /proc/mounts' '"volumeMounts":[{"name":"m","mountPath":"/m"}]'
    )" | k create -f -
    eventually 10 is memory '{.status.phase}' Succeeded
    k logs memory | grep -E '^tmpfs /m tmpfs rw,relatime,size=[0-9]+k(,noswap)? '
    k logs memory | grep -E '^shm /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k '
}

@test "deleted while an init container runs, it is Failed, and its containers were never ready" {
    pod init "\"initContainers\":[{\"name\":\"i\",\"image\":\"$IMAGE\",\"command\":[\"sh\",\"-c\",\"trap 'exit 0' TERM; echo up; sleep 1000 & wait\"]}],$(c true)" |
        sed 's/"name":"init"/"name":"init","finalizers":["test.example\/stay"]/' | k create -f -
    eventually 10 sh -c 'test "$(cat '"$CLUSTER_DIR"'/n1/state/logs/pods/default_init_*/i/0.log | cut -d" " -f4)" = up'
    run k logs init -c c
    [[ "$output" == *'container "c" in pod "init" is waiting to start: PodInitializing'* ]]
    k delete pod init --wait=false
    eventually 10 is init '{.status.phase} {.status.conditions[?(@.type=="Ready")].reason} {.status.conditions[?(@.type=="Ready")].message}' \
        "Failed ContainersNotReady containers with unready status: [c]"
    k patch pod init --type=merge -p '{"metadata":{"finalizers":null}}'
    eventually 10 sh -c "! KUBECONFIG=$CLUSTER_DIR/n1/state/admin.kubeconfig nsenter --net=/run/netns/$CLUSTER-hub kubectl get pod init"
}

@test "what fails again and again in the same way is one Event that counts, and is said once" {
    pod probed "$(c 'sleep 1000' '"readinessProbe":{"periodSeconds":1,"exec":{"command":["/no/such"]}},"livenessProbe":{"periodSeconds":1,"failureThreshold":100,"httpGet":{"port":81}}')" | k create -f -
    k wait --for=jsonpath='{.status.phase}'=Running pod/probed --timeout=10s
    run k exec probed -- no-such-command
    [ "$status" != 0 ]
    [ "$(grep -c 'no-such-command' <<<"$output")" = 1 ]
    counts() { k get events --field-selector involvedObject.name=probed,reason=Unhealthy -o jsonpath='{range .items[*]}{.count}{"\n"}{end}'; }
    both_counted() { [ "$(counts | awk '$1 >= 2' | wc -l)" = 2 ]; }
    eventually 20 both_counted
    [ "$(counts | wc -l)" = 2 ]
}

@test "a static Pod has a mirror that no taint drives away; changed, it gets its host port back" {
    local manifest=$CLUSTER_DIR/n1/state/manifests/static.json
    static() { pod static "$(c "trap 'exit 0' TERM; echo $1; sleep 1000 & wait" '"ports":[{"containerPort":80,"hostPort":8099}]')" >"$manifest.tmp" && mv "$manifest.tmp" "$manifest"; }
    says() { [ "$(k logs static-n1)" = "$1" ]; }
    static one
    eventually 15 says one
    is static-n1 '{.metadata.ownerReferences[0].kind} {.spec.tolerations[*].effect} {.spec.tolerations[*].operator}' "Node NoExecute Exists"
    static two
    eventually 20 says two
    rm "$manifest"
    eventually 15 no_static
}
no_static() { ! k get pod static-n1; }

# The kubelet without a master, on a real kernel: Pods from a folder of manifests.

load kubelet
setup_file() { node_start; }
teardown_file() { node_stop; }

@test "a Pod runs, has an address and a log; its manifest gone, so is everything of it" {
    manifest one <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: c, image: "busybox:1.35", command: [sh, -c, "echo from $(hostname); ip -o -4 addr show eth0; sleep 1000"]}
EOF
    eventually 10 pod_is one .status.phase Running
    eventually 5 log_has one c "from one"
    ip=$(pod one .status.podIP)
    log_has one c "$ip/24"
    pod_is one '.status.conditions[] | select(.type == "Ready") | .status' True
    nsenter --net="/run/netns/$NODE" busybox ping -c 1 -W 2 "$ip" >/dev/null
    no_manifest one
    eventually 10 pod_gone one
    [ -z "$(ls "$NODE_DIR/run/pods" "$NODE_DIR/state/pods" | grep -v :)" ] # two folders, both empty
    [ -z "$(ls "$NODE_DIR/state/cni/results")" ]
    [ -z "$(ls "$NODE_DIR/state/images/pins")" ]
    ! find /sys/fs/cgroup -maxdepth 5 -path "*/$NODE/*" -name 'pod*' | grep .
}

@test "init containers come first, one after the other; a sidecar serves and ends last" {
    manifest order <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: order}
spec:
  restartPolicy: Never
  volumes: [{name: d, emptyDir: {}}]
  initContainers:
  - {name: i1, image: "busybox:1.35", command: [sh, -c, "echo i1 >> /d/log"], volumeMounts: [{name: d, mountPath: /d}]}
  - name: side
    image: busybox:1.35
    restartPolicy: Always
    command: [sh, -c, "trap 'echo side ends >> /d/log; cat /d/log; exit 0' TERM; echo side >> /d/log; while :; do sleep 0.1; done"]
    volumeMounts: [{name: d, mountPath: /d}]
    startupProbe: {exec: {command: [grep, -q, side, /d/log]}, periodSeconds: 1}
  - {name: i2, image: "busybox:1.35", command: [sh, -c, "echo i2 >> /d/log"], volumeMounts: [{name: d, mountPath: /d}]}
  containers:
  - {name: c, image: "busybox:1.35", command: [sh, -c, "echo main >> /d/log"], volumeMounts: [{name: d, mountPath: /d}]}
EOF
    eventually 20 pod_is order .status.phase Succeeded
    [ "$(log_of order side | tr '\n' ' ')" = "i1 side i2 main side ends " ]
    pod_is order '[.status.initContainerStatuses[].state.terminated.exitCode] | join(",")' 0,0,0
    no_manifest order
    eventually 10 pod_gone order
}

@test "restart policies, exit codes, reasons, termination messages" {
    manifest ends <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: ends}
spec:
  restartPolicy: Never
  containers:
  - {name: ok, image: "busybox:1.35", command: [sh, -c, "printf done > /dev/termination-log"]}
  - {name: bad, image: "busybox:1.35", command: [sh, -c, "echo why; exit 7"], terminationMessagePolicy: FallbackToLogsOnError}
  - {name: segv, image: "busybox:1.35", command: [sh, -c, "sh -c 'kill -SEGV $$$$'; exit $?"]}
  - {name: none, image: "busybox:1.35", command: [/no/such]}
---
apiVersion: v1
kind: Pod
metadata: {name: loop}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: "busybox:1.35", command: [sh, -c, "exit 1"]}]
EOF
    eventually 10 pod_is ends .status.phase Failed
    pod ends '[.status.containerStatuses[].state]'
    pod_is ends '[.status.containerStatuses[].state.terminated | "\(.exitCode)\(.reason)"] | join(" ")' \
        "0Completed 7Error 139Error 128StartError"
    pod_is ends '.status.containerStatuses[0].state.terminated.message' done
    pod_is ends '.status.containerStatuses[1].state.terminated.message' why
    pod_is ends '.status.conditions[] | select(.type == "PodReadyToStartContainers") | .status' False
    eventually 10 pod_is loop '.status.containerStatuses[0] | "\(.restartCount) \(.state.waiting.reason) \(.lastState.terminated.exitCode)"' \
        "1 CrashLoopBackOff 1"
    no_manifest ends
    eventually 10 pod_gone ends
    eventually 10 pod_gone loop
}

@test "volumes: memory, downward API, host path, subPath; a subPath that leaves its volume is refused" {
    mkdir "$NODE_DIR/host"
    echo "of the host" >"$NODE_DIR/host/file"
    manifest vols <<EOF
apiVersion: v1
kind: Pod
metadata: {name: vols, labels: {app: x}}
spec:
  restartPolicy: Never
  securityContext: {fsGroup: 2000}
  volumes:
  - {name: mem, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  - {name: disk, emptyDir: {}}
  - {name: host, hostPath: {path: $NODE_DIR/host, type: Directory}}
  - {name: info, downwardAPI: {items: [{path: sub/labels, fieldRef: {fieldPath: metadata.labels}}]}}
  initContainers:
  - {name: trap, image: "busybox:1.35", command: [sh, -c, "ln -s / /d/out; mkdir /d/in; ln -s in /d/link; echo inside > /d/in/f"], volumeMounts: [{name: disk, mountPath: /d}]}
  containers:
  - name: c
    image: busybox:1.35
    command: [sh, -c, "grep ' /m ' /proc/mounts | cut -d' ' -f3; cat /i/sub/labels; echo; cat /h/file; cat /s/f; touch /h/x; stat -c %g:%a /d; cat /mnt/keep; echo end"]
    volumeMounts:
    - {name: mem, mountPath: /m}
    - {name: disk, mountPath: /d}
    - {name: disk, mountPath: /s, subPath: link}
    - {name: disk, mountPath: /mnt, subPath: fresh/sub}
    - {name: host, mountPath: /h, readOnly: true}
    - {name: info, mountPath: /i}
  - name: escape
    image: busybox:1.35
    command: [cat, /s/etc/passwd]
    volumeMounts: [{name: disk, mountPath: /s, subPath: out}]
EOF
    eventually 10 log_has vols c end
    log_has vols c tmpfs
    log_has vols c 'app="x"'
    log_has vols c "of the host"
    log_has vols c inside
    log_has vols c "touch: /h/x: Read-only file system"
    log_has vols c 2000:2777
    eventually 10 pod_is vols '.status.containerStatuses[] | select(.name == "escape") | .state.waiting.reason' CreateContainerConfigError
    pod_is vols '.status.containerStatuses[] | select(.name == "escape") | .state.waiting.message' \
        'failed to prepare subPath for volumeMount "d" of container "escape"' ||
        pod_is vols '.status.containerStatuses[] | select(.name == "escape") | .state.waiting.message' \
            'failed to prepare subPath for volumeMount "disk" of container "escape"'
    no_manifest vols
    eventually 10 pod_gone vols
}

@test "security: the default profile, capabilities, users, no new privileges, read-only root" {
    manifest sec <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: sec}
spec:
  restartPolicy: Never
  containers:
  - name: plain
    image: busybox:1.35
    command: [sh, -c, "grep -E '^(CapBnd|CapInh|CapAmb|Seccomp|NoNewPrivs):' /proc/self/status; unshare -m true 2>&1 || echo no unshare; cat /proc/1/oom_score_adj"]
  - name: tight
    image: busybox:1.35
    command: [sh, -c, "id -u; id -g; id -G; grep -E '^(CapBnd|NoNewPrivs):' /proc/self/status; touch /x || echo read-only"]
    securityContext: {runAsUser: 1234, runAsGroup: 77, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
  - name: free
    image: busybox:1.35
    command: [sh, -c, "grep -E '^Seccomp:' /proc/self/status"]
    securityContext: {seccompProfile: {type: Unconfined}}
EOF
    eventually 10 pod_is sec .status.phase Succeeded
    log_of sec plain
    [ "$(log_of sec plain | tr '\t\n' ' |')" = "CapInh: 0000000000000000|CapBnd: 00000000a80425fb|CapAmb: 0000000000000000|NoNewPrivs: 0|Seccomp: 2|unshare: unshare(0x20000): Operation not permitted|no unshare|1000|" ]
    [ "$(log_of sec tight | grep -v touch | tr '\t\n' ' |')" = "1234|77|77|CapBnd: 0000000000000000|NoNewPrivs: 1|read-only|" ]
    [ "$(log_of sec free)" = "$(printf 'Seccomp:\t0')" ]
    no_manifest sec
    eventually 10 pod_gone sec
}

@test "requests and limits reach the cgroups of Pod and container" {
    manifest limits <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: limits}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: busybox:1.35
    command: [sleep, "1000"]
    resources: {requests: {cpu: 250m, memory: 16Mi}, limits: {cpu: 500m, memory: 32Mi}}
EOF
    eventually 10 pod_is limits .status.phase Running
    pod_is limits .status.qosClass Burstable
    local path="$NODE/kubepods/burstable/pod$(pod limits .metadata.uid)" cid
    cid=$(pod limits '.status.containerStatuses[0].containerID' | sed 's,.*://,,')
    if [ -d "/sys/fs/cgroup/memory/$path" ]; then
        [ "$(cat "/sys/fs/cgroup/memory/$path/memory.limit_in_bytes")" = 33554432 ]
        [ "$(cat "/sys/fs/cgroup/memory/$path/$cid/memory.limit_in_bytes")" = 33554432 ]
        [ "$(cat "/sys/fs/cgroup/cpu/$path/cpu.shares")" = 256 ]
        [ "$(cat "/sys/fs/cgroup/cpu/$path/$cid/cpu.cfs_quota_us")" = 50000 ]
        [ "$(cat "/sys/fs/cgroup/pids/$path/pids.max")" = 4096 ]
    else
        [ "$(cat "/sys/fs/cgroup/$path/memory.max")" = 33554432 ]
        [ "$(cat "/sys/fs/cgroup/$path/$cid/cpu.max")" = "50000 100000" ]
        [ "$(cat "/sys/fs/cgroup/$path/pids.max")" = 4096 ]
    fi
    no_manifest limits
    eventually 10 pod_gone limits
}

@test "probes: readiness by TCP and HTTP, liveness restarts" {
    manifest probes <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: probes}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: busybox:1.35
    command: [sh, -c, "mkdir -p /www; echo hi > /www/index.html; httpd -f -p 8080 -h /www"]
    ports: [{name: http, containerPort: 8080}]
    readinessProbe: {httpGet: {port: http, path: /index.html}, periodSeconds: 1}
  - name: tcp
    image: busybox:1.35
    command: [sleep, "1000"]
    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
  - name: never
    image: busybox:1.35
    command: [sleep, "1000"]
    readinessProbe: {httpGet: {port: 81}, periodSeconds: 1}
  - name: sick
    image: busybox:1.35
    command: [sleep, "1000"]
    livenessProbe: {exec: {command: ["false"]}, periodSeconds: 1, failureThreshold: 1}
EOF
    eventually 15 pod_is probes '[.status.containerStatuses[:3][] | .ready] | join(" ")' "true true false"
    eventually 15 pod_is probes '.status.containerStatuses[3] | .restartCount > 0' true
    pod_is probes '.status.conditions[] | select(.type == "Ready") | .message' "containers with unready status: [never]" ||
        pod_is probes '.status.conditions[] | select(.type == "Ready") | .message' "containers with unready status: [never sick]"
    no_manifest probes
    eventually 10 pod_gone probes
}

@test "an end with preStop, TERM and, after the grace, KILL" {
    mkdir -p "$NODE_DIR/end"
    manifest end <<EOF
apiVersion: v1
kind: Pod
metadata: {name: end}
spec:
  terminationGracePeriodSeconds: 3
  volumes: [{name: h, hostPath: {path: $NODE_DIR/end}}]
  containers:
  - name: good
    image: busybox:1.35
    command: [sh, -c, "trap 'echo term >> /h/good; exit 0' TERM; echo up > /h/good; while :; do sleep 0.1; done"]
    volumeMounts: [{name: h, mountPath: /h}]
    lifecycle: {preStop: {exec: {command: [sh, -c, "echo prestop >> /h/good"]}}, postStart: {exec: {command: [sh, -c, "echo poststart > /h/post"]}}}
  - name: stubborn
    image: busybox:1.35
    command: [sh, -c, "trap '' TERM; echo up > /h/stubborn; while :; do sleep 0.1; done"]
    volumeMounts: [{name: h, mountPath: /h}]
EOF
    eventually 10 pod_is end .status.phase Running
    eventually 5 test -s "$NODE_DIR/end/stubborn"
    eventually 5 grep -q up "$NODE_DIR/end/good"
    eventually 5 test -s "$NODE_DIR/end/post"
    no_manifest end
    eventually 15 pod_gone end
    [ "$(tr '\n' ' ' <"$NODE_DIR/end/good")" = "up prestop term " ]
}

@test "kill -9 of the kubelet: the next one takes over, nothing restarts; what ended meanwhile is known, what was in the trash goes" {
    manifest stay <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: stay}
spec:
  terminationGracePeriodSeconds: 0
  restartPolicy: OnFailure
  volumes: [{name: d, emptyDir: {}}]
  containers:
  - {name: c, image: "busybox:1.35", command: [sleep, "1000"]}
  - {name: short, image: "busybox:1.35", command: [sh, -c, "while [ ! -e /d/go ]; do sleep 0.05; done; exit 0"], volumeMounts: [{name: d, mountPath: /d}]}
EOF
    eventually 10 pod_is stay '[.status.containerStatuses[] | .ready] | join(" ")' "true true"
    before=$(pod stay '[.status.podIP, .status.startTime, .status.containerStatuses[].containerID] | join(" ")')
    volume=$NODE_DIR/state/pods/$(pod stay .metadata.uid)/volumes/d
    kubelet_end KILL
    touch "$volume/go"
    kubelet_start
    eventually 10 pod_is stay '.status.containerStatuses[] | select(.name == "short") | .state.terminated.exitCode' 0
    [ "$(pod stay '[.status.podIP, .status.startTime, .status.containerStatuses[].containerID] | join(" ")')" = "$before" ]
    pod_is stay '[.status.containerStatuses[] | .restartCount] | join(" ")' "0 0"
    kubelet_end KILL
    mkdir -p "$NODE_DIR/state/trash/1.1/left"
    kubelet_start
    eventually 10 test ! -e "$NODE_DIR/state/trash/1.1"
    kubelet_end KILL
    no_manifest stay
    kubelet_start
    eventually 10 pod_gone stay
}

@test "kill -9 of a shim: its Pod and no other gets a new sandbox" {
    manifest a <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "busybox:1.35", command: [sleep, "1000"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "busybox:1.35", command: [sleep, "1000"]}]}
EOF
    eventually 10 pod_is a .status.phase Running
    eventually 10 pod_is b .status.phase Running
    kill -9 "$(jq .pid "$NODE_DIR/run/pods/$(pod a .metadata.uid)/shim.json")"
    eventually 10 pod_is a '.status.containerStatuses[0] | "\(.restartCount) \(.ready) \(.lastState.terminated.exitCode)"' "1 true 137"
    pod_is b '.status.containerStatuses[0].restartCount' 0
    no_manifest a
    eventually 10 pod_gone a
    eventually 10 pod_gone b
}

@test "bad manifests are named in the log and disturb nobody" {
    manifest bad <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: bad}
spec: {containers: [{name: c, image: "busybox:1.35", ports: [{containerPort: 70000}]}]}
EOF
    eventually 5 grep -q 'bad.yaml: document 0: spec.containers\[0\].ports\[0\].containerPort' "$NODE_DIR/kubelet.log"
    no_manifest bad
    manifest bad2 <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: bad2}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: a, image: "UPPER/x:::y"}, {name: b, image: "busybox:none", imagePullPolicy: Never}]}
EOF
    eventually 10 pod_is bad2 '[.status.containerStatuses[].state.waiting.reason] | join(" ")' "InvalidImageName ErrImageNeverPull"
    no_manifest bad2
    eventually 10 pod_gone bad2
}

@test "a CNI plugin that fails: the Pod waits and says why; repaired, it runs" {
    mkdir -p "$NODE_DIR/state/cni/net.d"
    echo '{"cniVersion":"1.0.0","name":"broken","plugins":[{"type":"no-such-plugin"}]}' >"$NODE_DIR/state/cni/net.d/1.conflist"
    manifest net <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: net}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "busybox:1.35", command: [sleep, "1000"]}]}
EOF
    eventually 10 grep -q 'FailedCreatePodSandBox: .*no-such-plugin: not found' "$NODE_DIR/kubelet.log"
    pod_is net .status.phase Pending
    rm "$NODE_DIR/state/cni/net.d/1.conflist"
    eventually 20 pod_is net .status.phase Running
    no_manifest net
    eventually 10 pod_gone net
}

@test "a CNI plugin that hangs is ended, the Pod says so, others run" {
    mkdir -p "$NODE_DIR/libexec/cni" "$NODE_DIR/state/cni/net.d"
    for p in wherry-shim wherry-runtime wherry-images; do ln -s "$(realpath "$BIN/$p")" "$NODE_DIR/libexec/$p"; done
    printf '#!/bin/sh\nexec sleep 1000\n' >"$NODE_DIR/libexec/cni/hang"
    chmod +x "$NODE_DIR/libexec/cni/hang"
    echo '{"cniVersion":"1.0.0","name":"hang","plugins":[{"type":"hang"}]}' >"$NODE_DIR/state/cni/net.d/1.conflist"
    kubelet_end TERM
    kubelet_start --cni-timeout 1 --libexec "$NODE_DIR/libexec"
    manifest hang <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: hang}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "busybox:1.35", command: [sleep, "1000"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: host}
spec: {hostNetwork: true, terminationGracePeriodSeconds: 0, containers: [{name: c, image: "busybox:1.35", command: [sleep, "1000"]}]}
EOF
    eventually 10 pod_is host .status.phase Running
    eventually 10 grep -q 'FailedCreatePodSandBox: .*plugin hang' "$NODE_DIR/kubelet.log"
    pod_is hang .status.phase Pending
    no_manifest hang
    eventually 20 pod_gone hang
    rm "$NODE_DIR/state/cni/net.d/1.conflist"
    kubelet_end TERM
    kubelet_start
}

/*
 * Where a node keeps what it knows. Two folders, given to every program as --state and --run:
 *
 *   STATE (/var/lib/wherry): survives a reboot
 *     pki/                    ca.{crt,key} {apiserver,admin,kubelet,proxy,kubelet-server}.{crt,key}, made by the
 *                             master at its first start; keys 0600
 *     admin.kubeconfig        for people; kubelet.kubeconfig and proxy.kubeconfig for the daemons
 *     master/store.db         SQLite
 *     images/                 blobs/sha256/HEX layers/HEX/ index.json pins/ (room images/, see image.h)
 *     manifests/              static Pods: *.yaml, *.json
 *     pods/UID/               volumes/NAME/ etc-hosts containers/NAME/ (termination logs)
 *     logs/pods/NS_NAME_UID/CONTAINER/N.log    CRI log format
 *     cni/                    results, host-local's addresses
 *     trash/                  what is being removed
 *
 *   RUN (/run/wherry): gone after a reboot, like what it describes
 *     pods/UID/               shim.sock shim.json sandbox.json ready containers/CID/{config.json,rootfs/}
 *     runtime/CID/state.json  wherry-runtime --root
 *     kubelet.sock            for the command line (HTTP over a unix socket, 0600): works without a master
 *     *.pid, *.log            of the daemons that `wherry up` started
 */
#ifndef WHERRY_API_PATHS_H
#define WHERRY_API_PATHS_H

#define PATHS_STATE "/var/lib/wherry"
#define PATHS_RUN "/run/wherry"
#define PATHS_CGROUP "/wherry" /* --cgroup: the one subtree that is ours in every hierarchy */

#define PATHS_SERVICE_CIDR "10.96.0.0/16"
#define PATHS_CLUSTER_CIDR "10.244.0.0/16"  /* a /24 of it per node: Node.spec.podCIDR */
#define PATHS_LONE_POD_CIDR "10.244.0.0/24" /* of a node without a master */
#define PATHS_KUBERNETES_IP "10.96.0.1"     /* Service default/kubernetes */
#define PATHS_DNS_IP "10.96.0.10"
#define PATHS_CLUSTER_DOMAIN "cluster.local"
#define PATHS_API_PORT 6443
#define PATHS_KUBELET_PORT 10250
#define PATHS_BRIDGE "wherry0" /* and veth ends "wh..." */

#endif

/* What there is to say of this machine: capacity, names and versions, pressure; and the Node object made of
 * it. */
#ifndef WHERRY_KUBELET_NODE_FACTS_H
#define WHERRY_KUBELET_NODE_FACTS_H

#include "kubelet/kubelet.h"
#include "lib/buf.h"

enum { NODE_MAX_PODS = 110, NODE_CONDITIONS = 4 }; /* MemoryPressure, DiskPressure, PIDPressure, Ready */

struct node_facts {
    int64_t cpus, memory, storage;
    char *machine_id, *system_uuid, *boot_id, *os_image, *kernel, *machine, *hostname;
};
struct node_pressure {
    bool memory, disk, pids;
};
void node_facts_read(struct kubelet *k, struct node_facts *f);
void node_facts_done(struct node_facts *f);
struct node_pressure node_facts_pressure(struct kubelet *k);
void node_facts_write_status(struct kubelet *k, const struct node_facts *f, const struct node_pressure *p,
    const int64_t changed_ns[NODE_CONDITIONS], struct buf *out);
void node_facts_write_node(struct kubelet *k, const struct node_facts *f, const struct node_pressure *p,
    const int64_t changed_ns[NODE_CONDITIONS], struct buf *out);

#endif

/*
 * Capabilities of containers. The default is the set that Docker and containerd give, without which common
 * images break (su, ping, mknod in build steps); what a Pod adds or drops is taken as Kubernetes reads it:
 * ALL, any case, unknown names and the CAP_ prefix are ignored.
 */
#include "kubelet/container_spec.h"
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

/* In the kernel's order (linux/capability.h). */
static const char *const all[] = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER",
    "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK",
    "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON",
    "CAP_BPF", "CAP_CHECKPOINT_RESTORE"};
static const char *const usual[] = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD",
    "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"};

static int find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (strcasecmp(name, all[i] + 4) == 0)
            return (int)i;
    return -1;
}

static void apply(bool set[ARRAY_SIZE(all)], const struct str_list *l, bool value)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcasecmp(l->v[i], "ALL") == 0)
            for (size_t c = 0; c < ARRAY_SIZE(all); c++)
                set[c] = value && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1; /* what there is to give */
    for (size_t i = 0; i < l->n; i++) {
        int c = find(l->v[i]);
        if (c >= 0)
            set[c] = value;
    }
}

void container_spec_caps(struct arena *a, const struct security_context *sc, struct str_list *ret)
{
    bool set[ARRAY_SIZE(all)] = {false}, privileged = sc && opt_bool_or(sc->privileged, false);
    const struct capabilities *x = sc ? sc->capabilities : NULL;
    struct str_list none = {0}, all_of = {.n = 1, .v = (const char *[]){"ALL"}};
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        set[find(usual[i] + 4)] = true;
    const struct str_list *add = x ? &x->add : &none, *drop = x ? &x->drop : &none;
    bool drops_all = false;
    for (size_t i = 0; i < drop->n; i++)
        drops_all |= strcasecmp(drop->v[i], "ALL") == 0;
    /* drop: [ALL] comes before what is added; single names after (add: [ALL], drop: [KILL]). */
    if (drops_all)
        apply(set, drop, false);
    apply(set, add, true);
    if (!drops_all)
        apply(set, drop, false);
    if (privileged)
        apply(set, &all_of, true);
    ret->v = arena_array(a, ARRAY_SIZE(all), sizeof(*ret->v));
    ret->n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (set[i])
            ret->v[ret->n++] = all[i];
}

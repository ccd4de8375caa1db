/* See caps.h. */
#include "runtime/process/caps.h"
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int caps_number(const char *name)
{
    cap_value_t v;
    char full[64];
    snprintf(full, sizeof(full), "%s%.50s", strncasecmp(name, "cap_", 4) ? "cap_" : "", name);
    return cap_from_name(full, &v) < 0 || v > 63 ? -1 : (int)v;
}

static uint64_t set_of(const struct str_list *names, const char **unknown)
{
    uint64_t set = 0;
    for (size_t i = 0; i < names->n; i++) {
        int v = caps_number(names->v[i]);
        if (v >= 0)
            set |= UINT64_C(1) << v;
        else if (unknown && !*unknown)
            *unknown = names->v[i];
    }
    return set;
}

struct caps caps_plan(const struct oci_capabilities *c, const char **ret_unknown)
{
    if (ret_unknown)
        *ret_unknown = NULL;
    if (!c)
        return (struct caps){0};
    return (struct caps){
        .bounding = set_of(&c->bounding, ret_unknown),
        .effective = set_of(&c->effective, ret_unknown),
        .permitted = set_of(&c->permitted, ret_unknown),
        .inheritable = set_of(&c->inheritable, ret_unknown),
        .ambient = set_of(&c->ambient, ret_unknown),
    };
}

struct err *caps_bound(const struct caps *c)
{
    for (int i = 0; i < 64; i++) {
        if (c->bounding & UINT64_C(1) << i)
            continue;
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
            if (errno == EINVAL) /* beyond the kernel's last */
                return NULL;
            return err_sys(errno, "drop capability %d from the bounding set", i);
        }
    }
    return NULL;
}

static struct err *get(struct __user_cap_data_struct d[2], uint64_t *ret_permitted)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    if (syscall(SYS_capget, &h, d) < 0)
        return err_sys(errno, "read capabilities");
    *ret_permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
    return NULL;
}

static struct err *set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];
    for (int i = 0; i < 2; i++)
        d[i] = (struct __user_cap_data_struct){.effective = (unsigned)(effective >> 32 * i),
            .permitted = (unsigned)(permitted >> 32 * i),
            .inheritable = (unsigned)(inheritable >> 32 * i)};
    return syscall(SYS_capset, &h, d) < 0 ? err_sys(errno, "set capabilities") : NULL;
}

struct err *caps_apply(const struct caps *c, uint64_t keep)
{
    struct __user_cap_data_struct d[2];
    uint64_t have;
    TRY(get(d, &have));
    uint64_t permitted = c->permitted & have, effective = c->effective & permitted;
    uint64_t inheritable = c->inheritable & have, ambient = c->ambient & permitted & inheritable;
    TRY(set(effective, permitted | (keep & have), inheritable));
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return err_sys(errno, "clear ambient capabilities");
    for (int i = 0; ambient >> i; i++)
        if (ambient & UINT64_C(1) << i && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
            return err_sys(errno, "raise ambient capability %d", i);
    return NULL;
}

struct err *caps_raise(uint64_t more)
{
    struct __user_cap_data_struct d[2];
    uint64_t have;
    TRY(get(d, &have));
    return set((d[0].effective | (uint64_t)d[1].effective << 32) | (more & have), have,
        d[0].inheritable | (uint64_t)d[1].inheritable << 32);
}

/* See delegation.h. */
#include "runtime/cgroup/delegation.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define FILES "/sys/kernel/cgroup/delegate"
#define FILES_MAX 4096

static bool is_shown_for_writing(const struct mount_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].kind == MOUNT_CGROUP)
            return !((l->v[i].set | l->v[i].rset) & MOUNT_ATTR_RDONLY);
    return false;
}

uid_t delegation_owner(const struct container *c)
{
    const struct oci_linux *l = c->config->linux_;
    int64_t uid = c->process.uid;
    if (!(c->ns.make & CLONE_NEWCGROUP) || !is_shown_for_writing(&c->mounts))
        return 0;
    if (!c->userns)
        return (uid_t)uid;
    for (size_t i = 0; i < l->uid_mappings.n; i++) {
        const struct oci_id_map *m = &l->uid_mappings.v[i];
        int64_t above = uid - opt_int_or(m->container_id, 0);
        if (above >= 0 && above < opt_int_or(m->size, 0))
            return (uid_t)(opt_int_or(m->host_id, 0) + above);
    }
    return 0;
}

struct err *delegation_apply(int dir, uid_t owner)
{
    static const char before_4_15[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";
    auto_free char *text = NULL;
    auto_err *e = file_read(AT_FDCWD, FILES, FILES_MAX, &text, NULL);
    if (e)
        text = mem_strdup(before_4_15);
    if (fchownat(dir, "", owner, (gid_t)-1, AT_EMPTY_PATH) < 0)
        return err_sys(errno, "give the cgroup to user %u", owner);
    char *save = NULL;
    for (char *name = strtok_r(text, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
        if (fchownat(dir, name, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
            return err_sys(errno, "give %s to user %u", name, owner);
    return NULL;
}

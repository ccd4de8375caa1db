/* See lsm.h. */
#include "runtime/process/lsm.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/tree/procfs.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool says_yes(int root, const char *path)
{
    auto_close fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    char c;
    return fd >= 0 && read(fd, &c, 1) == 1 && c == 'Y';
}

struct lsm_host lsm_host_read(int root)
{
    struct statfs st;
    auto_close selinuxfs = openat(root, "sys/fs/selinux", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return (struct lsm_host){.apparmor = says_yes(root, "sys/module/apparmor/parameters/enabled"),
        .selinux = selinuxfs >= 0 && !fstatfs(selinuxfs, &st) && st.f_type == SELINUX_MAGIC};
}

static bool is_set(const char *s)
{
    return s && *s;
}

static struct err *check_text(const char *name, const char *s)
{
    if (strlen(s) >= 4096 || strpbrk(s, "\n\r"))
        return err_new(ERR_INVALID, "%s: \"%.64s\": too long, or more than one line", name, s);
    return NULL;
}

struct err *lsm_plan(
    const struct lsm_host *h, const struct oci_process *p, const char *mount_label, struct lsm *ret)
{
    bool profile = is_set(p->apparmor_profile), label = is_set(p->selinux_label),
         mounts = is_set(mount_label);
    *ret = (struct lsm){0};
    /* where there is no AppArmor everything is unconfined */
    if (profile && !h->apparmor && strcmp(p->apparmor_profile, "unconfined"))
        return err_new(ERR_UNSUPPORTED,
            "process.apparmorProfile: \"%s\": apparmor: config provided but apparmor not supported",
            p->apparmor_profile);
    if ((label || mounts) && !h->selinux)
        return err_new(ERR_UNSUPPORTED,
            "%s: \"%s\": selinux label is specified in config, but selinux is disabled or not supported",
            label ? "process.selinuxLabel" : "linux.mountLabel", label ? p->selinux_label : mount_label);
    if (profile)
        TRY(check_text("process.apparmorProfile", p->apparmor_profile));
    if (label)
        TRY(check_text("process.selinuxLabel", p->selinux_label));
    if (profile && h->apparmor)
        ret->profile = p->apparmor_profile;
    ret->label = label ? p->selinux_label : NULL;
    return NULL;
}

struct err *lsm_plan_here(const struct oci_process *p, const char *mount_label, struct lsm *ret)
{
    struct lsm_host host = {0};
    if (is_set(p->apparmor_profile) || is_set(p->selinux_label) || is_set(mount_label)) {
        auto_close root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        host = lsm_host_read(root);
    }
    return lsm_plan(&host, p, mount_label, ret);
}

bool lsm_wanted(const struct lsm *l)
{
    return l->profile || l->label;
}

/* attr/FILE of the caller. The link says how this procfs counts it; it is read, not followed. */
static struct err *put(int procfs, const char *file, const char *text)
{
    char self[64];
    ssize_t n = readlinkat(procfs, "thread-self", self, sizeof(self) - 1);
    if (n < 0)
        return err_sys(errno, "read thread-self");
    auto_free char *path = mem_printf("%.*s/attr/%s", (int)n, self, file);
    return procfs_put(procfs, path, text);
}

/* Beside other modules AppArmor has a folder of its own; on an old kernel it has all of attr/. */
static struct err *put_profile(int procfs, const char *profile)
{
    auto_free char *text = mem_printf("exec %s", profile);
    struct err *e = put(procfs, "apparmor/exec", text);
    if (!e || err_errno(e) != ENOENT || !file_exists(procfs, "thread-self/attr/exec") ||
        file_exists(procfs, "thread-self/attr/apparmor/exec"))
        return e;
    err_free(e);
    return put(procfs, "exec", text);
}

struct err *lsm_apply(const struct lsm *l, int procfs)
{
    if (l->profile)
        TRY_WRAP(put_profile(procfs, l->profile), "process.apparmorProfile");
    if (l->label)
        TRY_WRAP(put(procfs, "exec", l->label), "process.selinuxLabel");
    return NULL;
}

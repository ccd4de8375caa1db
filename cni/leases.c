/* See leases.h. */
#include "cni/leases.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only the holder of the lock writes it, so one name is enough, and a crash leaves at most this. */
#define NEW_FILE ".reserving"
enum { LOCK_MS = 20000, LEASE_MAX = 512 };

struct leases {
    int dir, lock;
};

struct err *leases_open(const char *data_dir, const char *network, struct leases **ret)
{
    auto_free char *path = mem_printf("%s/%s", data_dir, network);
    struct leases *l = mem_new(struct leases);
    l->dir = l->lock = -1;
    struct err *e = NULL;
    /* The ends are the common case; making the way is only tried where it is not there. */
    l->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->dir < 0 && errno == ENOENT) {
        e = file_mkdirs(AT_FDCWD, path, 0755, NULL);
        l->dir = e ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (!e && l->dir < 0)
        e = err_sys(errno, "open %s", path);
    if (!e)
        e = err_wrap(file_lock(l->dir, "lock", LOCK_MS, &l->lock), "%s", path);
    if (e) {
        leases_close(l);
        return err_wrap(e, "address store");
    }
    *ret = l;
    return NULL;
}

void leases_close(struct leases *l)
{
    if (!l)
        return;
    if (l->lock >= 0)
        close(l->lock);
    if (l->dir >= 0)
        close(l->dir);
    free(l);
}

static struct err *write_new(struct leases *l, const char *text)
{
    auto_close fd = openat(l->dir, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(errno, "create %s", NEW_FILE);
    struct err *e = file_write_all(fd, text, strlen(text));
    if (e)
        (void)unlinkat(l->dir, NEW_FILE, 0);
    return err_wrap(e, "write %s", NEW_FILE);
}

struct err *leases_reserve(struct leases *l, const struct net_addr *ip, const char *container_id,
    const char *ifname, bool *ret_taken)
{
    char name[64];
    net_addr_text(ip, false, name);
    *ret_taken = faccessat(l->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (*ret_taken)
        return NULL;
    auto_free char *text = mem_printf("%s\r\n%s", container_id, ifname);
    TRY_WRAP(write_new(l, text), "reserve %s", name);
    if (renameat2(l->dir, NEW_FILE, l->dir, name, RENAME_NOREPLACE) == 0)
        return NULL;
    /* Somebody without the lock was quicker, or the file system has no such rename. */
    int why = errno;
    if (why == EINVAL && renameat(l->dir, NEW_FILE, l->dir, name) == 0)
        return NULL;
    (void)unlinkat(l->dir, NEW_FILE, 0);
    *ret_taken = why == EEXIST;
    return why == EEXIST ? NULL : err_sys(why, "reserve %s", name);
}

static void last_name(unsigned set, char name[32])
{
    snprintf(name, 32, "last_reserved_ip.%u", set);
}

void leases_last(struct leases *l, unsigned set, struct net_addr *ret)
{
    char name[32];
    auto_free char *text = NULL;
    *ret = (struct net_addr){0};
    last_name(set, name);
    auto_err *absent = file_read(l->dir, name, LEASE_MAX, &text, NULL);
    if (absent)
        return;
    auto_err *bad = net_addr_parse(text, ret);
    if (bad)
        *ret = (struct net_addr){0};
}

struct err *leases_set_last(struct leases *l, unsigned set, const struct net_addr *ip)
{
    char name[32], text[64];
    last_name(set, name);
    net_addr_text(ip, false, text);
    TRY(write_new(l, text));
    return renameat(l->dir, NEW_FILE, l->dir, name) < 0 ? err_sys(errno, "rename to %s", name) : NULL;
}

/* "ID\r\nIFNAME", and "ID" from long ago; split in place. */
static const char *split(char *text)
{
    char *end = text + strcspn(text, "\r\n");
    char *ifname = end + strspn(end, "\r\n");
    *end = 0;
    ifname[strcspn(ifname, "\r\n ")] = 0;
    return ifname;
}

struct err *leases_each(struct leases *l, leases_fn *fn, void *arg)
{
    int fd = openat(l->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return err_sys(errno, "read the address store");
    for (struct dirent *entry; (entry = readdir(d));) {
        struct net_addr ip;
        char text[LEASE_MAX];
        auto_err *no_address = net_addr_parse(entry->d_name, &ip);
        if (no_address)
            continue; /* lock, last_reserved_ip.N, not ours */
        auto_close lease = openat(l->dir, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        ssize_t n = lease < 0 ? -1 : read(lease, text, sizeof(text) - 1);
        if (n < 0)
            continue; /* a folder, or gone */
        text[n] = 0;
        const char *ifname = split(text);
        fn(arg, &ip, text, ifname);
    }
    return NULL;
}

struct err *leases_release(struct leases *l, const struct net_addr *ip)
{
    char name[64];
    net_addr_text(ip, false, name);
    if (unlinkat(l->dir, name, 0) < 0 && errno != ENOENT)
        return err_sys(errno, "release %s", name);
    return NULL;
}

/* See record.h. */
#include "runtime/record.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FORMAT 1
#define STATE "state.json"
#define STATE_MAX (4 << 20)
#define FILTER "seccomp"
#define LOCK_MS 30000

static FIELDS_DEFINE(record_fields, record, FIELD(record, version, "version", FIELD_INT),
    FIELD(record, id, "id", FIELD_STR), FIELD(record, bundle, "bundle", FIELD_STR),
    FIELD(record, rootfs, "rootfs", FIELD_STR), FIELD(record, created, "created", FIELD_STR),
    FIELD(record, owner, "owner", FIELD_STR), FIELD(record, cgroup, "cgroup", FIELD_STR),
    FIELD(record, config, "config", FIELD_STR), FIELD(record, pid, "pid", FIELD_INT),
    FIELD(record, start_time, "startTime", FIELD_INT), FIELD(record, namespaces, "namespaces", FIELD_STRS),
    FIELD_OF(record, process, "process", FIELD_STRUCT, &oci_process_fields),
    FIELD_OF(record, memory_policy, "memoryPolicy", FIELD_STRUCT, &oci_memory_policy_fields),
    FIELD_OF(record, intel_rdt, "intelRdt", FIELD_STRUCT, &oci_intel_rdt_fields),
    FIELD_OF(record, personality, "personality", FIELD_STRUCT, &oci_personality_fields),
    FIELD(record, annotations, "annotations", FIELD_STR_MAP),
    FIELD_OF(record, hooks, "hooks", FIELD_STRUCT, &oci_hooks_fields),
    FIELD(record, listener, "listenerPath", FIELD_STR),
    FIELD(record, listener_metadata, "listenerMetadata", FIELD_STR));

struct err *record_check_id(const char *id)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-";
    size_t n = strlen(id);
    if (!n)
        return err_new(ERR_INVALID, "container id cannot be empty");
    if (n > 255)
        return err_new(ERR_INVALID, "container id: %zu characters, 255 at the most", n);
    for (const char *p = id; *p; p++)
        if (!strchr(first, *p) && (*p != '.' || p == id))
            return err_new(ERR_INVALID,
                "container id \"%.100s\": must be of A-Z a-z 0-9 _ + - and, after the first, .", id);
    return NULL;
}

struct err *record_root(const char *root, bool make, int *ret_fd)
{
    *ret_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd >= 0)
        return NULL;
    if (errno != ENOENT)
        return err_sys(errno, "--root: open %s", root);
    if (!make)
        return NULL;
    auto_close path = -1;
    TRY_WRAP(file_mkdirs(AT_FDCWD, root, 0700, &path), "--root");
    *ret_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(errno, "--root: open %s", root) : NULL;
}

struct err *record_new(int root, const char *id, int *ret_dir)
{
    if (mkdirat(root, id, 0700) < 0)
        return errno == EEXIST ? err_new(ERR_EXISTS, "container with given ID already exists: %s", id)
                               : err_sys(errno, "container %s: make its folder", id);
    *ret_dir = openat(root, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *ret_dir < 0 ? err_sys(errno, "container %s: open its folder", id) : NULL;
}

struct err *record_save(int dir, const struct record *r)
{
    struct record copy = *r;
    copy.version = (struct opt_int){true, FORMAT};
    auto_buf b = BUF_INIT(STATE_MAX);
    struct json_out o = {.buf = &b};
    fields_encode(&record_fields, &copy, &o, NULL);
    TRY(buf_check(&b, STATE));
    return file_write_atomic(dir, STATE, b.data, b.len, 0600, FILE_NO_FSYNC);
}

struct err *record_load(int root, const char *id, struct arena *a, int *ret_dir, struct record *ret)
{
    TRY(record_check_id(id));
    auto_close dir = root < 0 ? -1 : openat(root, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0) {
        if (root >= 0 && errno != ENOENT)
            return err_sys(errno, "container %s: open its folder", id);
        return err_new(ERR_NOT_FOUND, "%s: container does not exist", id);
    }
    auto_free char *text = NULL;
    size_t len;
    struct err *e = file_read(dir, STATE, STATE_MAX, &text, &len);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        *ret = (struct record){.id = arena_strdup(a, id), .bundle = "", .rootfs = ""};
    } else {
        if (!e)
            e = fields_parse(&record_fields, a, text, len, ret);
        if (!e && (!ret->id || strcmp(ret->id, id) || opt_int_or(ret->version, 0) != FORMAT))
            e = err_new(ERR_INVALID, STATE ": not of this container or of another version");
        TRY_WRAP(e, "container %s", id);
    }
    *ret_dir = take_fd(dir);
    return NULL;
}

struct err *record_find(const char *root, const char *id, struct arena *a, int *ret_dir, struct record *ret)
{
    auto_close fd = -1;
    TRY(record_check_id(id));
    TRY(record_root(root, false, &fd));
    return record_load(fd, id, a, ret_dir, ret);
}

struct err *record_remove(int root, const char *id)
{
    auto_close dir = openat(root, id, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    /* most hold this one file; and what is left is removable as before, whenever we are killed */
    if (dir >= 0 && !unlinkat(dir, STATE, 0) && !unlinkat(root, id, AT_REMOVEDIR))
        return NULL;
    return err_wrap(file_remove_tree(root, id), "container %s", id);
}

struct err *record_lock(int dir)
{
    /* the other one works with deadlines; this is ours */
    for (int64_t end = clock_mono_ms() + LOCK_MS;;) {
        if (!flock(dir, LOCK_EX | LOCK_NB))
            return NULL;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_sys(errno, "lock the container");
        if (clock_mono_ms() > end)
            return err_new(
                ERR_TIMEOUT, "another command has been working on the container for %d s", LOCK_MS / 1000);
        struct timespec t = {.tv_nsec = 5000000};
        nanosleep(&t, NULL);
    }
}

void record_unlock(int dir)
{
    flock(dir, LOCK_UN);
}

uint64_t record_stat_start_time(const char *text)
{
    const char *p = strrchr(text, ')'); /* the name may hold anything */
    if (!p || !p[1] || p[2] == 'Z' || p[2] == 'X')
        return 0;
    p += 2;
    for (int field = 3; field < 22 && p; field++) {
        p = strchr(p, ' ');
        p = p ? p + 1 : NULL;
    }
    return p ? strtoull(p, NULL, 10) : 0;
}

uint64_t record_start_time(pid_t pid)
{
    char path[32], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    auto_close fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n < 0 && errno != ENOENT)
        return 0;
    text[n > 0 ? n : 0] = '\0';
    errno = ESRCH;
    return record_stat_start_time(text);
}

int record_pidfd(const struct record *r)
{
    errno = ESRCH;
    if (!r->pid.set || r->pid.v <= 0)
        return -1;
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)r->pid.v, 0);
    if (fd < 0)
        return -1;
    /* looked at after it was opened: it is the one that it was, or the descriptor is of no use to us */
    uint64_t start = record_start_time((pid_t)r->pid.v);
    if (start && start == (uint64_t)opt_int_or(r->start_time, 0))
        return fd;
    int failed = start ? ESRCH : errno;
    close(fd);
    errno = failed;
    return -1;
}

/* Created: init listens. It takes connections that say nothing for what they are. */
static bool is_waiting(int dir)
{
    if (faccessat(dir, RECORD_SOCKET, F_OK, 0) < 0)
        return false;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    auto_close fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/" RECORD_SOCKET, dir);
    return fd >= 0 && (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)) || errno == EAGAIN);
}

enum record_status record_status_alive(const struct record *r, int dir)
{
    if (is_waiting(dir))
        return RECORD_CREATED;
    return r->cgroup && cgroups_is_frozen_at(r->cgroup) ? RECORD_PAUSED : RECORD_RUNNING;
}

enum record_status record_status(const struct record *r, int dir)
{
    if (!r->pid.set)
        return RECORD_CREATING;
    auto_close pidfd = record_pidfd(r);
    return pidfd < 0 ? RECORD_STOPPED : record_status_alive(r, dir);
}

const char *record_status_name(enum record_status s)
{
    static const char *const names[] = {"creating", "created", "running", "paused", "stopped"};
    return names[s];
}

bool record_has_pids(const struct record *r)
{
    for (size_t i = 0; i < r->namespaces.n; i++)
        if (!strcmp(r->namespaces.v[i], "pid"))
            return true;
    return false;
}

struct err *record_cgroups(const struct record *r, struct cgroups *ret)
{
    if (!r->cgroup)
        return err_new(ERR_CONFLICT, "container %s has no cgroup", r->id);
    TRY(cgroups_open(ret));
    cgroups_lookup(ret, r->cgroup);
    return NULL;
}

struct oci_state record_state(const struct record *r, enum record_status s)
{
    return (struct oci_state){.oci_version = OCI_VERSION,
        .id = r->id,
        .status = record_status_name(s),
        .pid = {true, s == RECORD_STOPPED ? 0 : opt_int_or(r->pid, 0)},
        .bundle = r->bundle,
        .rootfs = r->rootfs,
        .created = r->created,
        .owner = r->owner ? r->owner : "",
        .annotations = r->annotations};
}

struct err *record_save_filter(int dir, const struct process_filter *f)
{
    auto_buf b = BUF_INIT(1 << 20);
    buf_add(&b, &f->flags, sizeof(f->flags));
    buf_add(&b, f->v, f->n * sizeof(*f->v));
    TRY(buf_check(&b, FILTER));
    return file_write_atomic(dir, FILTER, b.data, b.len, 0600, FILE_NO_FSYNC);
}

struct err *record_load_filter(int dir, struct arena *a, struct process_filter *ret)
{
    auto_free char *data = NULL;
    size_t len;
    *ret = (struct process_filter){0};
    struct err *e = file_read(dir, FILTER, 1 << 20, &data, &len);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return NULL;
    }
    TRY(e);
    if (len <= sizeof(ret->flags) || (len - sizeof(ret->flags)) % sizeof(*ret->v))
        return err_new(ERR_INVALID, FILTER ": wrong length");
    memcpy(&ret->flags, data, sizeof(ret->flags));
    len -= sizeof(ret->flags);
    ret->v = arena_alloc(a, len);
    memcpy(ret->v, data + sizeof(ret->flags), len);
    ret->n = (unsigned short)(len / sizeof(*ret->v));
    return NULL;
}

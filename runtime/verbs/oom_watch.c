/* See oom_watch.h. */
#include "runtime/verbs/oom_watch.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/verbs/stats_files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

static struct err *open_v1(struct oom_watch *w)
{
    char text[64];
    auto_close control = openat(w->dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
    if (control < 0)
        return err_sys(errno, "open memory.oom_control");
    auto_close fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return err_sys(errno, "eventfd");
    snprintf(text, sizeof(text), "%d %d", fd, control);
    TRY(file_put(w->dir, "cgroup.event_control", text));
    w->fd = take_fd(fd);
    return NULL;
}

static uint64_t kills(const struct oom_watch *w)
{
    auto_arena *a = arena_new();
    return stats_value(stats_text(a, w->dir, "memory.events"), "oom_kill");
}

static struct err *open_v2(struct oom_watch *w)
{
    char path[64];
    auto_close fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", w->dir);
    if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
        return err_sys(errno, "watch memory.events");
    w->kills = kills(w);
    w->fd = take_fd(fd);
    return NULL;
}

struct err *oom_watch_open(struct oom_watch *w, struct cgroups *c)
{
    *w = (struct oom_watch){.fd = -1};
    w->dir = stats_dir(c, "memory", &w->v2);
    if (w->dir < 0 || !file_exists(w->dir, w->v2 ? "memory.events" : "memory.oom_control"))
        return NULL;
    return err_wrap(w->v2 ? open_v2(w) : open_v1(w), "memory events");
}

void oom_watch_close(struct oom_watch *w)
{
    if (w->fd >= 0)
        close(take_fd(w->fd));
}

static uint64_t count_v1(struct oom_watch *w)
{
    uint64_t n = 0;
    if (read(w->fd, &n, sizeof(n)) != sizeof(n))
        return 0;
    return file_exists(w->dir, "memory.oom_control") ? n : 0; /* the end of the cgroup is an event, too */
}

static uint64_t count_v2(struct oom_watch *w)
{
    char events[4096];
    while (read(w->fd, events, sizeof(events)) > 0)
        ;
    uint64_t now = kills(w), before = w->kills;
    if (now <= before) /* another of its counters; or it is gone */
        return 0;
    w->kills = now;
    return now - before;
}

uint64_t oom_watch_count(struct oom_watch *w)
{
    if (w->fd < 0)
        return 0;
    return w->v2 ? count_v2(w) : count_v1(w);
}

/* Rotation of container logs, see log_rotate.h. */
#include "kubelet/log_rotate.h"
#include "kubelet/pods.h"
#include "kubelet/sandbox.h"
#include "kubelet/termination.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOG_MAX_BYTES = 10 << 20, LOG_OLD = 4, LOG_LOOK_MS = 10000 };

struct log_rotate {
    struct kubelet *kubelet;
    struct timer *timer;
};

/* Removes the oldest of NAME.*, in folder; their names sort by time. */
static void remove_old(const char *folder, const char *name, unsigned keep)
{
    struct dirent **names = NULL;
    size_t n = strlen(name);
    int total = scandir(folder, &names, NULL, alphasort), old = 0;
    for (int i = 0; i < total; i++)
        old += strncmp(names[i]->d_name, name, n) == 0 && names[i]->d_name[n] == '.';
    for (int i = 0; i < total; i++) {
        bool is_old = strncmp(names[i]->d_name, name, n) == 0 && names[i]->d_name[n] == '.';
        if (is_old && old > (int)keep) {
            auto_free char *path = mem_printf("%s/%s", folder, names[i]->d_name);
            unlink(path);
            old--;
        }
        free(names[i]);
    }
    if (total >= 0)
        free(names);
}

bool log_rotate_file(const char *path, int64_t max, unsigned keep, int64_t now_ns)
{
    struct stat st;
    struct tm tm;
    time_t seconds = (time_t)(now_ns / 1000000000);
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= max)
        return false;
    gmtime_r(&seconds, &tm);
    auto_free char *to = mem_printf("%s.%04d%02d%02d-%02d%02d%02d", path, tm.tm_year + 1900, tm.tm_mon + 1,
        tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (rename(path, to) < 0) {
        log_warn("", "rotating %s: %s", path, strerror(errno));
        return false;
    }
    auto_free char *folder = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
    remove_old(folder, strrchr(path, '/') + 1, keep);
    return true;
}

static void look(void *arg)
{
    struct log_rotate *r = arg;
    bool any = false;
    for (struct worker *w = pods_first(r->kubelet); w; w = w->next)
        for (size_t i = 0; i < w->n_instances; i++) {
            struct instance *x = w->instances[i];
            if (!plan_is_live(x->state))
                continue;
            any = true;
            auto_free char *path = termination_log_path(x, x->restarts);
            if (sandbox_shim(w) && log_rotate_file(path, LOG_MAX_BYTES, LOG_OLD, clock_now_ns()))
                shim_reopen(sandbox_shim(w), x->cid, NULL, NULL);
        }
    if (any)
        timer_start(r->timer, LOG_LOOK_MS);
}

struct log_rotate *log_rotate_new(struct kubelet *k)
{
    struct log_rotate *r = mem_new(struct log_rotate);
    r->kubelet = k;
    r->timer = timer_new(k->loop, look, r);
    return r;
}

void log_rotate_free(struct log_rotate *r)
{
    if (!r)
        return;
    timer_free(r->timer);
    free(r);
}

void log_rotate_wake(struct log_rotate *r)
{
    if (!timer_is_armed(r->timer))
        timer_start(r->timer, LOG_LOOK_MS);
}

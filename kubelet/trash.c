/* The trash, see trash.h. */
#include "kubelet/trash.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/spawn.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRASH_DEADLINE_MS = 30 * 60000 };

struct trash {
    struct kubelet *kubelet;
    char *dir;
    uint64_t seq;
    bool again;
    struct spawn *spawn;
    struct deferred *start;
};

static void trash_start(void *arg);

static void emptied(void *arg, const struct spawn_result *r)
{
    struct trash *t = arg;
    t->spawn = NULL;
    log_err(LOG_WARN, "", spawn_result_err(r, "emptying the trash"));
    if (t->again)
        deferred_call(t->start);
}

static void trash_start(void *arg)
{
    struct trash *t = arg;
    t->again = t->spawn != NULL;
    if (t->spawn)
        return;
    const char *argv[] = {"/proc/self/exe", "--empty-trash", t->dir, NULL};
    struct spawn_opts o = {.argv = argv, .err_max = 4096, .deadline_ms = TRASH_DEADLINE_MS};
    log_err(LOG_WARN, "", spawn_start(t->kubelet->loop, &o, emptied, t, &t->spawn));
}

struct trash *trash_new(struct kubelet *k)
{
    struct trash *t = mem_new(struct trash);
    t->kubelet = k;
    t->dir = mem_printf("%s/trash", k->o.state);
    t->start = deferred_new(k->loop, trash_start, t);
    log_err(LOG_WARN, "", file_mkdirs(AT_FDCWD, t->dir, 0700, NULL));
    deferred_call(t->start); /* what a crash left */
    return t;
}

void trash_free(struct trash *t)
{
    if (!t)
        return;
    spawn_cancel(t->spawn);
    deferred_free(t->start);
    free(t->dir);
    free(t);
}

void trash_put(struct trash *t, const char *path)
{
    auto_free char *to = mem_printf("%s/%d.%llu", t->dir, (int)getpid(), (unsigned long long)++t->seq);
    if (rename(path, to) == 0) {
        deferred_call(t->start);
        return;
    }
    if (errno == ENOENT)
        return;
    /* Another file system (--run is a tmpfs): small things, removed in place. */
    log_err(LOG_WARN, "", file_remove_tree(AT_FDCWD, path));
}

int trash_empty(const char *dir)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, NULL), failed = 0;
    for (int i = 0; i < n; i++) {
        bool self = strcmp(names[i]->d_name, ".") == 0 || strcmp(names[i]->d_name, "..") == 0;
        auto_free char *path = mem_printf("%s/%s", dir, names[i]->d_name);
        auto_err *e = self ? NULL : file_remove_tree(AT_FDCWD, path);
        if (e)
            fprintf(stderr, "%s\n", err_message(e));
        failed |= e != NULL;
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return failed;
}

/* A command's own folder below tmp/: made, claimed in, removed; and those of dead commands. */
#include "images/store.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 320

/* Opens and locks the folder of a job; -1 where it is alive (or gone). */
static int grab(int tmp, const char *name)
{
    int fd = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static struct err *each_job(
    const struct store *s, struct err *(*fn)(int tmp, const char *name, void *arg), void *arg)
{
    int fd = openat(s->root, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return err_sys(errno, "store %s: tmp", s->path);
    for (struct dirent *de; (de = readdir(d));)
        if (de->d_name[0] != '.')
            TRY(fn(fd, de->d_name, arg));
    return NULL;
}

/* Under the store's lock: nobody is between making a folder and locking it. The lock on the dead job's
 * folder is kept while it is emptied, so that two cleaners do not meet. */
static struct err *remove_dead(int tmp, const char *name, void *arg)
{
    (void)arg;
    auto_close fd = grab(tmp, name);
    return fd < 0 ? NULL : file_remove_tree(tmp, name);
}

static struct err *make_folder(struct job *j)
{
    char path[PATH_BYTES];
    unsigned long id;
    auto_close lock = -1;
    TRY(store_lock(j->store, &lock));
    tls_random(&id, sizeof id);
    j->name = mem_printf("%d-%08lx", getpid(), id & 0xffffffffUL);
    snprintf(path, sizeof path, "tmp/%s", j->name);
    if (mkdirat(j->store->root, path, 0700))
        return err_sys(errno, "store %s: make %s", j->store->path, path);
    j->dir = openat(j->store->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (j->dir < 0 || flock(j->dir, LOCK_EX | LOCK_NB))
        return err_sys(errno, "store %s: %s", j->store->path, path);
    return err_wrap(each_job(j->store, remove_dead, NULL), "what a dead command left");
}

struct err *job_new(const struct store *s, struct job **ret)
{
    auto_job *j = mem_new(struct job);
    j->store = s;
    j->dir = -1;
    TRY(make_folder(j));
    TRY(file_mkdirs(j->dir, "claims", 0700, NULL));
    TRY(file_mkdirs(j->dir, "trash", 0700, NULL));
    *ret = take_ptr(j);
    return NULL;
}

/* An error here is nobody's: the next command removes what is left. */
void job_free(struct job *j)
{
    char path[PATH_BYTES];
    if (!j)
        return;
    if (j->dir >= 0) {
        snprintf(path, sizeof path, "tmp/%s", j->name);
        err_free(file_remove_tree(j->store->root, path));
        close(j->dir);
    }
    free(j->name);
    free(j);
}

void job_cleanup(struct job **j)
{
    job_free(*j);
}

static struct err *touch(int dir, const char *path)
{
    auto_close fd = openat(dir, path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? err_sys(errno, "%s", path) : NULL;
}

struct err *job_claim(struct job *j, const char *chain, bool *ret_have)
{
    char path[PATH_BYTES];
    auto_close lock = -1;
    TRY(store_lock(j->store, &lock));
    snprintf(path, sizeof path, "claims/%s", digest_hex(chain));
    TRY_WRAP(touch(j->dir, path), "store %s: tmp/%s", j->store->path, j->name);
    *ret_have = store_has_layer(j->store, chain);
    return NULL;
}

struct claim_search {
    const struct job *own;
    const char *hex;
    bool found;
};

static struct err *search_claim(int tmp, const char *name, void *arg)
{
    struct claim_search *c = arg;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/claims/%s", name, c->hex);
    if (!strcmp(name, c->own->name) || !file_exists(tmp, path))
        return NULL;
    auto_close dead = grab(tmp, name);
    if (dead < 0)
        c->found = true;
    return NULL;
}

bool job_is_claimed(const struct job *j, const char *chain)
{
    struct claim_search c = {.own = j, .hex = digest_hex(chain)};
    auto_err *e = each_job(j->store, search_claim, &c);
    return e || c.found; /* who cannot tell, does not remove */
}

struct err *job_trash(struct job *j, const char *path)
{
    char to[PATH_BYTES];
    snprintf(to, sizeof to, "trash/%u", j->next++);
    if (renameat(j->store->root, path, j->dir, to) && errno != ENOENT)
        return err_sys(errno, "store %s: remove %s", j->store->path, path);
    return NULL;
}

/* Container logs: see crilog.h. */
#include "runtime/shim/crilog.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines are put together here and leave by one write. One for all containers: it is empty between calls. */
static struct {
    char data[64 * 1024];
    size_t len;
} out;

static const char *const stream_names[CRILOG_STREAMS] = {"stdout", "stderr"};

static struct err *open_file(const char *path, int *ret_fd)
{
    /* O_NONBLOCK: a FIFO in its place must not hold us up. */
    auto_close fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(errno, "open log %s", path);
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
        return err_new(ERR_DENIED, "log %s: not a regular file with one name", path);
    *ret_fd = take_fd(fd);
    return NULL;
}

struct err *crilog_open(struct crilog *l, const char *path)
{
    *l = (struct crilog){.fd = -1};
    if (!path || !*path)
        return NULL;
    TRY(open_file(path, &l->fd));
    l->path = mem_strdup(path);
    return NULL;
}

struct err *crilog_reopen(struct crilog *l)
{
    if (!l->path)
        return NULL;
    int fd;
    TRY(open_file(l->path, &fd));
    close(l->fd);
    l->fd = fd;
    l->torn = false;
    return NULL;
}

static void flush_out(struct crilog *l)
{
    const char *at = out.data;
    size_t n = out.len;
    out.len = 0;
    if (n && l->torn) {
        if (write(l->fd, "\n", 1) != 1) {
            l->dropped += n;
            return;
        }
        l->torn = false;
    }
    while (n) {
        ssize_t done = write(l->fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            l->torn = at > out.data && at[-1] != '\n';
            l->dropped += n;
            return;
        }
        at += done;
        n -= (size_t)done;
    }
}

static void put(const char *data, size_t n)
{
    if (n)
        memcpy(out.data + out.len, data, n);
    out.len += n;
}

static void put_line(
    struct crilog *l, enum crilog_stream stream, const char *time, char tag, const char *data, size_t n)
{
    struct crilog_part *p = &l->part[stream];
    if (out.len + CLOCK_TEXT + 16 + p->len + n > sizeof(out.data))
        flush_out(l);
    put(time, strlen(time));
    put(" ", 1);
    put(stream_names[stream], 6);
    put((const char[]){' ', tag, ' '}, 3);
    put(p->data, p->len);
    put(data, n);
    put("\n", 1);
    p->len = 0;
}

static void keep_part(struct crilog_part *p, const char *data, size_t n)
{
    if (p->len + n > p->cap) {
        p->cap = p->len + n <= 1024 ? 1024 : CRILOG_LINE_MAX;
        p->data = mem_realloc(p->data, p->cap, 1);
    }
    if (n)
        memcpy(p->data + p->len, data, n);
    p->len += n;
}

/* Big buffers are not kept for a line that may never come. */
static void trim_part(struct crilog_part *p)
{
    if (p->len || p->cap <= 1024)
        return;
    free(p->data);
    *p = (struct crilog_part){0};
}

void crilog_feed(struct crilog *l, enum crilog_stream stream, const char *data, size_t n)
{
    if (l->fd < 0)
        return;
    char now[CLOCK_TEXT];
    clock_rfc3339_nano(clock_now_ns(), now);
    struct crilog_part *p = &l->part[stream];
    while (n) {
        const char *nl = memchr(data, '\n', n);
        size_t len = nl ? (size_t)(nl - data) : n;
        size_t room = CRILOG_LINE_MAX - p->len;
        if (len > room) {
            put_line(l, stream, now, 'P', data, room);
            data += room;
            n -= room;
        } else if (nl) {
            put_line(l, stream, now, 'F', data, len);
            data += len + 1;
            n -= len + 1;
        } else {
            keep_part(p, data, n);
            n = 0;
        }
    }
    trim_part(p);
    flush_out(l);
}

void crilog_end(struct crilog *l, enum crilog_stream stream)
{
    if (l->fd < 0 || !l->part[stream].len)
        return;
    char now[CLOCK_TEXT];
    clock_rfc3339_nano(clock_now_ns(), now);
    put_line(l, stream, now, 'P', NULL, 0);
    flush_out(l);
}

void crilog_close(struct crilog *l)
{
    if (l->fd >= 0)
        close(l->fd);
    for (int i = 0; i < CRILOG_STREAMS; i++)
        free(l->part[i].data);
    free(l->path);
    *l = (struct crilog){.fd = -1};
}

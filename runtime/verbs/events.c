/* events: what a container uses, again and again, and when memory ran out, a line of JSON each, until it
 * ends. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroup/units.h"
#include "runtime/record.h"
#include "runtime/verbs/oom_watch.h"
#include "runtime/verbs/stats.h"
#include "runtime/verbs/verbs.h"
#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LINE_MAX_BYTES (1 << 20)

static struct err *print(struct cgroups *c, const char *type, const char *id)
{
    auto_arena *a = arena_new();
    auto_buf b = BUF_INIT(LINE_MAX_BYTES);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_str(&o, "type", type);
    json_out_str(&o, "id", id);
    if (c)
        stats_write(c, a, &o, "data");
    json_out_end_object(&o);
    buf_addc(&b, '\n');
    TRY(buf_check(&b, "events"));
    return file_write_all(STDOUT_FILENO, b.data, b.len);
}

static struct err *print_oom(struct oom_watch *w, const char *id)
{
    for (uint64_t n = oom_watch_count(w); n; n--)
        TRY(print(NULL, "oom", id));
    return NULL;
}

static struct err *start_timer(int64_t ns, int *ret)
{
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    struct itimerspec every = {.it_interval = t, .it_value = t};
    auto_close fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0)
        return err_sys(errno, "timer");
    *ret = take_fd(fd);
    return NULL;
}

static struct err *follow(struct cgroups *c, const char *id, int pidfd, int timer, struct oom_watch *w)
{
    for (;;) {
        struct pollfd p[] = {{.fd = pidfd, .events = POLLIN}, {.fd = timer, .events = POLLIN},
            {.fd = w->fd, .events = POLLIN}};
        uint64_t ticks;
        if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
            return err_sys(errno, "poll");
        TRY(print_oom(w, id)); /* before the end that it may be the cause of */
        if (p[0].revents)
            return NULL;
        if (p[1].revents && read(timer, &ticks, sizeof(ticks)) == sizeof(ticks))
            TRY(print(c, "stats", id));
    }
}

static struct err *watch(struct cgroups *c, const char *id, int pidfd, int64_t interval)
{
    auto_close timer = -1;
    struct oom_watch w;
    TRY(start_timer(interval, &timer));
    TRY(oom_watch_open(&w, c));
    struct err *e = follow(c, id, pidfd, timer, &w);
    oom_watch_close(&w);
    return e;
}

struct err *verb_events(const struct globals *g, int argc, char **argv, int *ret_status)
{
    const char *interval = "5s";
    bool once = false;
    const struct arg_option options[] = {
        {"interval", 0, ARG_STR, &interval, "DURATION", "between two statistics (5s)"},
        {"stats", 0, ARG_FLAG, &once, NULL, "print them now, once"}, {NULL}};
    struct arg_spec spec = {.usage = "wherry-runtime events [options] ID",
        .about = "Prints what a container uses, and when memory ran out, as lines of JSON until it ends.",
        .options = options,
        .min = 1,
        .max = 1};
    char **operands;
    int n;
    int64_t ns;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    TRY(units_duration("interval", interval, &ns));
    auto_arena *a = arena_new();
    auto_close dir = -1;
    struct record r;
    struct cgroups c;
    TRY(record_find(g->root, operands[0], a, &dir, &r));
    auto_close pidfd = record_pidfd(&r);
    if (pidfd < 0)
        return err_new(ERR_CONFLICT, "container with id %s is not running", r.id);
    TRY(record_cgroups(&r, &c));
    *ret_status = 0;
    struct err *e = once ? print(&c, "stats", r.id) : watch(&c, r.id, pidfd, ns);
    cgroups_close(&c);
    return e;
}

#include "cli/node.h"

#include "lib/file.h"
#include "lib/mem.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static FIELDS_DEFINE(node_daemon_fields, node_daemon, FIELD(node_daemon, name, "name", FIELD_STR),
    FIELD(node_daemon, argv, "argv", FIELD_STRS));

static FIELDS_DEFINE(node_fields, node, FIELD(node, name, "name", FIELD_STR),
    FIELD(node, ip, "ip", FIELD_STR), FIELD(node, state, "state", FIELD_STR),
    FIELD(node, run, "run", FIELD_STR), FIELD(node, cgroup, "cgroup", FIELD_STR),
    FIELD(node, api_port, "apiPort", FIELD_INT), FIELD(node, kubelet_port, "kubeletPort", FIELD_INT),
    FIELD(node, has_master, "hasMaster", FIELD_BOOL),
    FIELD_OF(node, daemons, "daemons", FIELD_STRUCTS, &node_daemon_fields));

struct err *node_save(const struct node *n)
{
    auto_buf text = BUF_INIT(256 * 1024);
    auto_free char *path = mem_printf("%s/node.json", n->run);
    struct json_out out = {.buf = &text};
    fields_encode(&node_fields, n, &out, NULL);
    buf_addc(&text, '\n');
    TRY(buf_check(&text, path));
    return file_write_atomic(AT_FDCWD, path, text.data, text.len, 0644, FILE_NO_FSYNC);
}

struct err *node_load(const char *run, struct arena *a, struct node *ret)
{
    auto_free char *path = mem_printf("%s/node.json", run);
    auto_free char *text = NULL;
    size_t len;
    struct err *e = file_read(AT_FDCWD, path, 256 * 1024, &text, &len);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return err_new(ERR_NOT_FOUND, "no node runs with --run %s (start one with: wherry up)", run);
    }
    TRY(e);
    return err_wrap(fields_parse(&node_fields, a, text, len, ret), "%s", path);
}

/* Field 22 of /proc/PID/stat: with it a pid is never mistaken for its successor. */
static unsigned long long start_time(int pid)
{
    auto_free char *path = mem_printf("/proc/%d/stat", pid);
    auto_free char *text = NULL;
    struct err *e = file_read(AT_FDCWD, path, 4096, &text, NULL);
    if (e) {
        err_free(e);
        return 0;
    }
    const char *p = strrchr(text, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

struct err *node_pid_write(const char *run, const char *name, int pid)
{
    auto_free char *path = mem_printf("%s/%s.pid", run, name);
    auto_free char *text = mem_printf("%d %llu\n", pid, start_time(pid));
    return file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FILE_NO_FSYNC);
}

int node_pid_open(const char *run, const char *name, int *ret_pid)
{
    auto_free char *path = mem_printf("%s/%s.pid", run, name);
    auto_free char *text = NULL;
    int pid = 0;
    unsigned long long started = 0;
    struct err *e = file_read(AT_FDCWD, path, 128, &text, NULL);
    if (e) {
        err_free(e);
        return -1;
    }
    if (sscanf(text, "%d %llu", &pid, &started) != 2 || pid <= 1)
        return -1;
    auto_close pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0 || start_time(pid) != started)
        return -1;
    if (ret_pid)
        *ret_pid = pid;
    return take_fd(pidfd);
}

void node_pid_forget(const char *run, const char *name)
{
    auto_free char *path = mem_printf("%s/%s.pid", run, name);
    (void)unlink(path);
}

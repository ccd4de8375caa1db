/* See listener.h. */
#include "runtime/process/listener.h"
#include "lib/mem.h"
#include "runtime/handover.h"
#include "runtime/report.h"
#include "runtime/sync.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STATE_MAX (1 << 20)

struct process_state {
    const char *oci_version, *metadata;
    struct str_list fds;
    struct opt_int pid;
    struct oci_state *state;
};
static FIELDS_DEFINE(process_state_fields, process_state,
    FIELD(process_state, oci_version, "ociVersion", FIELD_STR), FIELD(process_state, fds, "fds", FIELD_STRS),
    FIELD(process_state, pid, "pid", FIELD_INT), FIELD(process_state, metadata, "metadata", FIELD_STR),
    FIELD_OF(process_state, state, "state", FIELD_STRUCT, &oci_state_fields));

struct err *listener_check(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_sys(errno, "linux.seccomp.listenerPath: failed to connect with seccomp agent: %s", path);
    if (!S_ISSOCK(st.st_mode))
        return err_new(ERR_INVALID, "linux.seccomp.listenerPath: %s: not a socket", path);
    return NULL;
}

/* --- the process */

struct err *listener_hand_over(int sync, int fd)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%c%d", SYNC_LISTENER, fd);
    if (write(sync, text, (size_t)n) != n)
        return err_sys(errno, "seccomp: tell of the listener");
    if (read(sync, text, sizeof(text)) < 1 || text[0] != SYNC_DONE)
        return err_new(ERR_SYSTEM, "seccomp: the listener was not taken");
    close(fd);
    return NULL;
}

/* --- outside */

static struct err *send_state(const struct listener_peer *p, int listener)
{
    static const char *const names[] = {"seccompFd"};
    const struct record *r = p->record;
    struct oci_state state = record_state(r, p->status);
    struct process_state s = {.oci_version = OCI_VERSION,
        .metadata = r->listener_metadata,
        .fds = {1, (const char **)names},
        .pid = {true, p->pid},
        .state = &state};
    state.rootfs = state.created = state.owner = NULL; /* what the specification's state has, no more */
    auto_buf text = BUF_INIT(STATE_MAX);
    struct json_out o = {.buf = &text};
    fields_encode(&process_state_fields, &s, &o, NULL);
    TRY(buf_check(&text, "state"));
    auto_close agent = -1;
    TRY(handover_connect("linux.seccomp.listenerPath", r->listener, &agent));
    return err_wrap(handover_send(agent, buf_str(&text), listener), "linux.seccomp.listenerPath");
}

static struct err *pass_on(const struct listener_peer *p, const struct sync_message *m)
{
    if (!p->record->listener)
        return err_new(ERR_BUG, "a listener, and nobody to send it to");
    auto_close fd = (int)syscall(SYS_pidfd_getfd, p->pidfd, atoi(m->text), 0);
    if (fd < 0)
        return err_sys(errno, "take the listener");
    TRY(send_state(p, fd));
    return sync_send(p->sync, SYNC_DONE, NULL, NULL, 0);
}

struct err *listener_await_exec(const struct listener_peer *p)
{
    for (struct sync_message m;;) {
        int end;
        TRY(sync_recv(p->sync, &m, &end));
        if (end)
            return NULL;
        if (m.kind == SYNC_WARN)
            report_warning("%s", m.text);
        else if (m.kind == SYNC_LISTENER)
            TRY(pass_on(p, &m));
        else
            return err_new(ERR_BUG, "the process said '%c' before its exec", m.kind);
    }
}

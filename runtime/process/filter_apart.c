/* See filter_apart.h. What the child has to say lies in a memory file: a header, then the program or the
 * error's text. */
#include "runtime/process/filter_apart.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 5000 /* the profile of every container takes 17 */
#define SAID_MAX (1 << 20)

struct header {
    uint32_t failed; /* 0, or 1 and the kind of the error */
    uint32_t flags;
};

static struct err *compile(struct arena *a, const struct json *profile, struct process_filter *ret)
{
    struct oci_seccomp s;
    TRY(fields_decode(&oci_seccomp_fields, a, profile, &s));
    return filter_compile(a, &s, ret);
}

static void child(struct arena *a, const struct json *profile, int out) __attribute__((noreturn));
static void child(struct arena *a, const struct json *profile, int out)
{
    struct process_filter f = {0};
    struct err *e = compile(a, profile, &f);
    struct header h = {.failed = e ? 1 + (uint32_t)err_kind(e) : 0, .flags = f.flags};
    const char *text = e ? err_message(e) : "";
    struct err *said = file_write_all(out, &h, sizeof(h));
    if (!said)
        said = e ? file_write_all(out, text, strlen(text)) : file_write_all(out, f.v, f.n * sizeof(*f.v));
    _exit(said ? 1 : 0);
}

/* Whatever happens the child is gone afterwards. */
static struct err *await(pid_t pid)
{
    int64_t end = clock_mono_ms() + DEADLINE_MS, left = DEADLINE_MS;
    auto_close pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int rc = -1, failed = errno, status = 0;
    while (pidfd >= 0 && (rc = poll(&p, 1, (int)left)) < 0 && errno == EINTR)
        left = end > clock_mono_ms() ? end - clock_mono_ms() : 0;
    if (pidfd >= 0)
        failed = errno;
    if (rc != 1)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (rc < 0)
        return err_sys(failed, "wait for libseccomp");
    if (rc == 0)
        return err_new(
            ERR_TIMEOUT, "libseccomp has not finished with the profile after %d s", DEADLINE_MS / 1000);
    if (status)
        return err_new(ERR_SYSTEM, "libseccomp did not survive the profile (status %d)", status);
    return NULL;
}

static struct err *hear(struct arena *a, int from, struct process_filter *ret)
{
    auto_free char *said = NULL;
    size_t len;
    struct header h;
    if (lseek(from, 0, SEEK_SET) < 0)
        return err_sys(errno, "rewind");
    TRY(file_read_fd(from, SAID_MAX, &said, &len));
    if (len < sizeof(h))
        return err_new(ERR_BUG, "libseccomp's child said %zu bytes", len);
    memcpy(&h, said, sizeof(h));
    len -= sizeof(h);
    if (h.failed)
        return err_new((enum err_kind)(h.failed - 1), "%.*s", (int)len, said + sizeof(h));
    *ret = (struct process_filter){.flags = h.flags, .n = (unsigned short)(len / sizeof(*ret->v))};
    ret->v = arena_array(a, ret->n, sizeof(*ret->v));
    memcpy(ret->v, said + sizeof(h), ret->n * sizeof(*ret->v));
    return NULL;
}

struct err *filter_compile_apart(struct arena *a, const struct json *profile, struct process_filter *ret)
{
    auto_close said = memfd_create("seccomp", MFD_CLOEXEC);
    if (said < 0)
        return err_sys(errno, "memfd");
    pid_t pid = fork();
    if (pid == 0)
        child(a, profile, said);
    if (pid < 0)
        return err_sys(errno, "fork");
    TRY(await(pid));
    return hear(a, said, ret);
}

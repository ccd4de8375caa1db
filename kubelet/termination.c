/* Termination messages, see termination.h. */
#include "kubelet/termination.h"
#include "kubelet/container_spec.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MESSAGE_MAX = 4096, LOG_MAX = 2048, LOG_LINES = 80, LOG_READ = 64 << 10 };

char *termination_log_path(const struct instance *i, int64_t attempt)
{
    const struct worker *w = i->worker;
    return mem_printf("%s/%s_%s_%s/%s/%lld.log", w->kubelet->path.logs, w->ns, w->name, w->uid, i->name,
        (long long)attempt);
}

/* Bytes of a valid UTF-8 character at s, 0: none. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : 4;
    unsigned v = s[0];
    if (len == 1)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
        return 0;
    v &= 0xffu >> (len + 1);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (s[i] & 0x3f);
    }
    return v < least[len] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ? 0 : len;
}

char *termination_utf8(const char *text, size_t n)
{
    struct buf b = BUF_INIT(4 * n + 16);
    for (size_t i = 0; i < n;) {
        size_t len = text[i] ? utf8_length((const unsigned char *)text + i, n - i) : 0;
        if (len)
            buf_add(&b, text + i, len);
        else
            buf_adds(&b, "\xef\xbf\xbd");
        i += len ? len : 1;
    }
    return buf_take(&b);
}

/* The last max bytes of a regular file; NULL: empty or none. */
static char *file_tail(const char *path, size_t max, size_t *ret_n)
{
    struct stat st;
    auto_close fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return NULL;
    char *text = mem_zalloc(max + 1);
    off_t from = st.st_size > (off_t)max ? st.st_size - (off_t)max : 0;
    ssize_t n = pread(fd, text, max, from);
    if (n <= 0) {
        free(text);
        return NULL;
    }
    *ret_n = (size_t)n;
    return text;
}

/* "2026-.. stdout F the text" -> "the text"; *ret_whole: a newline follows. */
static const char *log_text(const char *line, size_t n, size_t *ret_n, bool *ret_whole)
{
    const char *p = line, *end = line + n;
    for (int i = 0; i < 3; i++) {
        const char *space = memchr(p, ' ', (size_t)(end - p));
        if (!space)
            return NULL;
        if (i == 2)
            *ret_whole = *p == 'F';
        p = space + 1;
    }
    *ret_n = (size_t)(end - p);
    return p;
}

char *termination_log_tail(const char *text, size_t n)
{
    struct buf all = BUF_INIT(LOG_READ);
    for (const char *p = text, *end = text + n; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *said;
        size_t len = nl ? (size_t)(nl - p) : (size_t)(end - p), m;
        bool whole = true;
        if ((said = log_text(p, len, &m, &whole))) {
            buf_add(&all, said, m);
            if (whole)
                buf_addc(&all, '\n');
        }
        p += len + 1;
    }
    const char *s = buf_str(&all), *from = s + all.len;
    unsigned lines = 0;
    while (from > s && s + all.len - from < LOG_MAX) {
        if (from < s + all.len && from[-1] == '\n' && ++lines == LOG_LINES)
            break;
        from--;
    }
    char *tail = termination_utf8(from, (size_t)(s + all.len - from));
    buf_done(&all);
    return tail;
}

char *termination_message(const struct instance *i, int exit_code)
{
    auto_free char *path = container_spec_termination_log(i, i->cid);
    size_t n = 0;
    auto_free char *text = file_tail(path, MESSAGE_MAX, &n);
    const char *policy = i->spec->termination_message_policy;
    if (text)
        return termination_utf8(text, n);
    if (exit_code == 0 || !policy || strcmp(policy, "FallbackToLogsOnError") != 0)
        return NULL;
    auto_free char *log = termination_log_path(i, i->restarts);
    auto_free char *tail = file_tail(log, LOG_READ, &n);
    if (!tail)
        return NULL;
    char *message = termination_log_tail(tail, n);
    if (message && !*message) {
        free(message);
        return NULL;
    }
    return message;
}

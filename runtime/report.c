/* See report.h. The lines in the log are logrus', which is what engines parse. */
#include "runtime/report.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/json.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int log_fd = -1;
static bool as_json, with_debug;

struct err *report_open(const char *log, bool json, bool debug)
{
    as_json = json;
    with_debug = debug;
    if (!log)
        return NULL;
    if (!strncmp(log, "journald:", 9) || !strncmp(log, "syslog:", 7))
        return err_new(ERR_UNSUPPORTED, "--log: \"%s\": only to a file", log);
    log += strncmp(log, "file:", 5) ? 0 : 5;
    log_fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    return log_fd < 0 ? err_sys(errno, "--log: open %s", log) : NULL;
}

static void to_log(int fd, const char *level, const char *text)
{
    if (fd < 0)
        return;
    auto_buf line = BUF_INIT(64 << 10), quoted = BUF_INIT(32 << 10);
    char now[CLOCK_TEXT];
    clock_rfc3339(clock_now_ns(), now);
    struct json_out o = {.buf = as_json ? &line : &quoted};
    if (as_json) {
        json_out_object(&o, NULL);
        json_out_str(&o, "level", level);
        json_out_str(&o, "msg", text);
        json_out_str(&o, "time", now);
        json_out_end_object(&o);
    } else {
        json_out_str(&o, NULL, text);
        buf_addf(&line, "time=\"%s\" level=%s msg=%s", now, level, buf_str(&quoted));
    }
    buf_addc(&line, '\n');
    err_free(file_write_all(fd, buf_str(&line), line.len)); /* there is nobody left to tell */
}

/* Whoever reads a log has the level there: what it shows of stderr is the bare text. */
void report_error(const char *text)
{
    fprintf(stderr, "%s%s\n", log_fd < 0 ? "error: " : "", text);
    to_log(log_fd, "error", text);
}

void report_warning(const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (log_fd < 0)
        fprintf(stderr, "warning: %s\n", text);
    to_log(log_fd, "warning", text);
}

void report_debug(const char *fmt, ...)
{
    if (!with_debug)
        return;
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    to_log(log_fd < 0 ? STDERR_FILENO : log_fd, "debug", text);
}

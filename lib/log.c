/* Logging: one event, one line, one write(2). */
#include "lib/log.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/mem.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 * 1024 };

/* A process has one log: these four are its whole state. */
static const char *log_program = "wherry";
static enum log_level log_least = LOG_INFO;
static enum log_format log_form = LOG_TEXT;
static int log_fd = STDERR_FILENO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_init(const char *program, enum log_level level, enum log_format format)
{
    log_program = program;
    log_least = level;
    log_form = format;
}

struct err *log_init_text(const char *program, const char *level, const char *format)
{
    static const char *const formats[] = {"text", "json"};
    for (int l = 0; l < (int)ARRAY_SIZE(level_names); l++)
        for (int f = 0; f < (int)ARRAY_SIZE(formats); f++)
            if (strcmp(level, level_names[l]) == 0 && strcmp(format, formats[f]) == 0) {
                log_init(program, (enum log_level)l, (enum log_format)f);
                return NULL;
            }
    return err_new(ERR_INVALID,
        "--log-level %s --log-format %s: not error, warn, info or debug in text or json", level, format);
}

void log_to(int fd)
{
    log_fd = fd;
}

static void stamp(char text[CLOCK_TEXT])
{
    clock_rfc3339_micro(clock_now_ns(), text);
    size_t n = strlen(text);
    snprintf(text + n - 4, 3, "Z"); /* .123456Z -> .123Z */
}

static void add_quoted(struct buf *b, const char *s)
{
    buf_addc(b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            buf_addf(b, "\\%c", c);
        else if (c == '\n')
            buf_adds(b, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_addf(b, "\\x%02x", c);
        else
            buf_addc(b, (char)c);
    }
    buf_addc(b, '"');
}

static void text_line(struct buf *b, enum log_level level, const char *keys, const char *message)
{
    char now[CLOCK_TEXT];
    stamp(now);
    buf_addf(b, "%s %-5s %s: %s%smsg=", now, level_names[level], log_program, keys, *keys ? " " : "");
    add_quoted(b, message);
}

/* "pod=default/web container=app" as members. */
static void add_keys(struct json_out *o, const char *keys)
{
    auto_free char *copy = mem_strdup(keys);
    char *save;
    for (char *pair = strtok_r(copy, " ", &save); pair; pair = strtok_r(NULL, " ", &save)) {
        char *value = strchr(pair, '=');
        if (value)
            *value++ = 0;
        json_out_str(o, pair, value ? value : "");
    }
}

static void json_line(struct buf *b, enum log_level level, const char *keys, const char *message)
{
    char now[CLOCK_TEXT];
    stamp(now);
    struct json_out o = {b};
    json_out_object(&o, NULL);
    json_out_str(&o, "time", now);
    json_out_str(&o, "level", level_names[level]);
    json_out_str(&o, "program", log_program);
    add_keys(&o, keys);
    json_out_str(&o, "msg", message);
    json_out_end_object(&o);
}

static void write_line(enum log_level level, const char *keys, const char *message)
{
    auto_buf b = BUF_INIT(LINE_MAX_BYTES);
    auto_free char *cut = mem_strndup(message, LINE_MAX_BYTES / 8); /* a byte is at most \u0000 */
    if (log_form == LOG_JSON)
        json_line(&b, level, keys, cut);
    else
        text_line(&b, level, keys, cut);
    buf_addc(&b, '\n');
    ssize_t n = write(log_fd, buf_str(&b), b.len);
    (void)n; /* where would one say that the log is gone? */
}

void log_line(enum log_level level, const char *keys, const char *fmt, ...)
{
    if (level > log_least)
        return;
    va_list ap;
    va_start(ap, fmt);
    char *message;
    if (vasprintf(&message, fmt, ap) < 0)
        abort();
    va_end(ap);
    write_line(level, keys, message);
    free(message);
}

void log_err(enum log_level level, const char *keys, struct err *e)
{
    if (e && level <= log_least)
        write_line(level, keys, err_message(e));
    err_free(e);
}

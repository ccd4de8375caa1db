/* JSON lines on stdout, each written whole by one write(2). */
#include "images/report.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/json.h"
#include <unistd.h>

#define LINE_MAX_BYTES (8U << 20)
#define PROGRESS_EVERY_MS 100

static struct err *broken; /* the first failure to write; the work goes on, the exit status tells */

static void line(struct buf *b)
{
    buf_addc(b, '\n');
    struct err *e = buf_check(b, "line");
    if (!e)
        e = file_write_all(STDOUT_FILENO, b->data, b->len);
    if (e && !broken)
        broken = err_wrap(e, "stdout");
    else
        err_free(e);
    buf_done(b);
}

void report_progress(const struct report_progress *p)
{
    static int64_t last;
    int64_t now = clock_mono_ms();
    if (last && now - last < PROGRESS_EVERY_MS && p->done != p->total)
        return;
    last = now;
    struct buf b = BUF_INIT(LINE_MAX_BYTES);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_object(&o, "progress");
    json_out_str(&o, "image", p->image ? p->image : "");
    if (p->layer)
        json_out_str(&o, "layer", p->layer);
    json_out_int(&o, "done", p->done);
    if (p->total >= 0)
        json_out_int(&o, "total", p->total);
    json_out_str(&o, "phase", p->phase);
    json_out_end_object(&o);
    json_out_end_object(&o);
    line(&b);
}

void report_image(const struct image *i)
{
    struct buf b = BUF_INIT(LINE_MAX_BYTES);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    fields_encode(&image_fields, i, &o, "image");
    json_out_end_object(&o);
    line(&b);
}

void report_removed(const char *kind, const char *name, int64_t bytes)
{
    struct buf b = BUF_INIT(LINE_MAX_BYTES);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_object(&o, "removed");
    json_out_str(&o, "kind", kind);
    json_out_str(&o, "name", name);
    json_out_int(&o, "bytes", bytes);
    json_out_end_object(&o);
    json_out_end_object(&o);
    line(&b);
}

void report_error(const struct err *e)
{
    struct buf b = BUF_INIT(LINE_MAX_BYTES);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_object(&o, "error");
    json_out_str(&o, "kind", err_kind_name(err_kind(e)));
    json_out_str(&o, "message", err_message(e));
    json_out_end_object(&o);
    json_out_end_object(&o);
    line(&b);
}

struct err *report_check(void)
{
    return take_ptr(broken);
}

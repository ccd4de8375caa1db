#include "master/ctl_event.h"

#include "lib/clock.h"
#include "lib/mem.h"
#include "master/change.h"
#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_MAX = 1024 };

static void write_source(struct json_out *o, const struct object *about, const char *component)
{
    json_out_object(o, "involvedObject");
    json_out_str(o, "apiVersion", about->kind->api_version);
    json_out_str(o, "kind", about->kind->name);
    json_out_str(o, "name", about->name);
    if (*about->ns)
        json_out_str(o, "namespace", about->ns);
    json_out_str(o, "uid", about->uid);
    json_out_end_object(o);
    json_out_object(o, "source");
    json_out_str(o, "component", component);
    json_out_end_object(o);
    json_out_str(o, "reportingComponent", component);
    json_out_str(o, "reportingInstance", "");
}

void ctl_event(struct cluster *c, const struct object *about, const char *component, enum ctl_event_type type,
    const char *reason, const char *fmt, ...)
{
    char message[MESSAGE_MAX], when[CLOCK_TEXT];
    int64_t now = clock_now_ns();
    const char *ns = *about->ns ? about->ns : "default";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    clock_rfc3339(now, when);
    auto_buf text = BUF_INIT(16 * 1024);
    struct json_out o = {.buf = &text};
    auto_free char *name = mem_printf("%s.%llx", about->name, (unsigned long long)now);
    json_out_object(&o, NULL);
    json_out_str(&o, "apiVersion", "v1");
    json_out_str(&o, "kind", "Event");
    json_out_object(&o, "metadata");
    json_out_str(&o, "name", name);
    json_out_str(&o, "namespace", ns);
    json_out_end_object(&o);
    write_source(&o, about, component);
    json_out_str(&o, "type", type == CTL_WARNING ? "Warning" : "Normal");
    json_out_str(&o, "reason", reason);
    json_out_str(&o, "message", message);
    json_out_str(&o, "firstTimestamp", when);
    json_out_str(&o, "lastTimestamp", when);
    json_out_int(&o, "count", 1);
    json_out_end_object(&o);
    auto_arena *a = arena_new();
    const struct json *body;
    struct err *e = json_parse(a, buf_str(&text), text.len, NULL, &body);
    if (e)
        err_free(e); /* it was too long; an event is not worth more */
    else
        change_create(c, KIND_EVENT, ns, body, NULL, NULL);
}

/* Status objects: made by whoever finds the failure, written by the API. */
#include "master/status.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *vtext(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    return text;
}

struct status *status_new(struct arena *a, unsigned code, const char *reason, const char *fmt, ...)
{
    struct status *s = arena_new_obj(a, struct status);
    va_list ap;
    va_start(ap, fmt);
    *s = (struct status){.code = code, .reason = reason, .message = vtext(a, fmt, ap)};
    va_end(ap);
    return s;
}

struct status *status_about(struct arena *a, unsigned code, const char *reason, const char *group,
    const char *resource, const char *name, const char *fmt, ...)
{
    struct status *s = arena_new_obj(a, struct status);
    va_list ap;
    va_start(ap, fmt);
    *s = (struct status){.code = code,
        .reason = reason,
        .message = vtext(a, fmt, ap),
        .details = true,
        .name = arena_strdup(a, name),
        .group = arena_strdup(a, group),
        .kind = arena_strdup(a, resource)};
    va_end(ap);
    return s;
}

struct status *status_bad_request(struct arena *a, const char *fmt, ...)
{
    struct status *s = arena_new_obj(a, struct status);
    va_list ap;
    va_start(ap, fmt);
    *s = (struct status){.code = 400, .reason = "BadRequest", .message = vtext(a, fmt, ap)};
    va_end(ap);
    return s;
}

/* "pods", "endpointslices.discovery.k8s.io": how messages name a resource. */
static const char *qualified(struct arena *a, const char *group, const char *resource)
{
    return *group ? arena_printf(a, "%s.%s", resource, group) : resource;
}

struct status *status_not_found(struct arena *a, const char *group, const char *resource, const char *name)
{
    return status_about(a, 404, "NotFound", group, resource, name, "%s \"%s\" not found",
        qualified(a, group, resource), name);
}

struct status *status_exists(struct arena *a, const char *group, const char *resource, const char *name)
{
    return status_about(a, 409, "AlreadyExists", group, resource, name, "%s \"%s\" already exists",
        qualified(a, group, resource), name);
}

struct status *status_conflict(
    struct arena *a, const char *group, const char *resource, const char *name, const char *why)
{
    return status_about(a, 409, "Conflict", group, resource, name,
        "Operation cannot be fulfilled on %s \"%s\": %s", qualified(a, group, resource), name, why);
}

struct status *status_forbidden(
    struct arena *a, const char *group, const char *resource, const char *name, const char *why)
{
    return status_about(a, 403, "Forbidden", group, resource, name, "%s%s%s%s is forbidden: %s",
        qualified(a, group, resource), *name ? " \"" : "", name, *name ? "\"" : "", why);
}

struct status *status_no_resource(struct arena *a)
{
    struct status *s = status_new(a, 404, "NotFound", "the server could not find the requested resource");
    s->details = true;
    return s;
}

struct status *status_no_method(struct arena *a)
{
    struct status *s = status_new(
        a, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
    s->details = true;
    return s;
}

struct status *status_internal(struct arena *a, const char *fmt, ...)
{
    struct status *s = arena_new_obj(a, struct status);
    va_list ap;
    va_start(ap, fmt);
    const char *text = vtext(a, fmt, ap);
    va_end(ap);
    struct status_cause *cause = arena_new_obj(a, struct status_cause);
    cause->message = text;
    *s = (struct status){.code = 500,
        .reason = "InternalError",
        .message = arena_printf(a, "Internal error occurred: %s", text),
        .details = true,
        .n_causes = 1,
        .causes = cause};
    return s;
}

static void optional(struct json_out *o, const char *name, const char *value)
{
    if (value && *value)
        json_out_str(o, name, value);
}

static void write_details(struct json_out *o, const struct status *s)
{
    json_out_object(o, "details");
    optional(o, "name", s->name);
    optional(o, "group", s->group);
    optional(o, "kind", s->kind);
    optional(o, "uid", s->uid);
    if (s->n_causes) {
        json_out_array(o, "causes");
        for (size_t i = 0; i < s->n_causes; i++) {
            json_out_object(o, NULL);
            optional(o, "reason", s->causes[i].reason);
            optional(o, "message", s->causes[i].message);
            optional(o, "field", s->causes[i].field);
            json_out_end_object(o);
        }
        json_out_end_array(o);
    }
    if (s->retry_after)
        json_out_int(o, "retryAfterSeconds", s->retry_after);
    json_out_end_object(o);
}

void status_write(struct buf *b, const struct status *s)
{
    struct json_out o = {.buf = b};
    json_out_object(&o, NULL);
    json_out_str(&o, "kind", "Status");
    json_out_str(&o, "apiVersion", "v1");
    json_out_object(&o, "metadata");
    json_out_end_object(&o);
    json_out_str(&o, "status", s->code < 300 ? "Success" : "Failure");
    optional(&o, "message", s->message);
    optional(&o, "reason", s->reason);
    if (s->details)
        write_details(&o, s);
    if (s->code != 200)
        json_out_int(&o, "code", s->code);
    json_out_end_object(&o);
}

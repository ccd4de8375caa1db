/* See stream_status.h. */
#include "kubelet/stream_status.h"
#include "lib/json.h"
#include "lib/mem.h"

enum { STREAM_STATUS_MAX = 64 << 10 };

/* reason, cause: NULL where there is none. */
static void write_failure(
    struct json_out *o, const char *message, const char *reason, const char *cause_reason, const char *cause)
{
    json_out_object(o, NULL);
    json_out_raw(o, "metadata", "{}", 2);
    json_out_str(o, "status", "Failure");
    json_out_str(o, "message", message);
    json_out_str(o, "reason", reason);
    json_out_object(o, "details");
    json_out_array(o, "causes");
    json_out_object(o, NULL);
    if (cause_reason)
        json_out_str(o, "reason", cause_reason);
    json_out_str(o, "message", cause);
    json_out_end_object(o);
    json_out_end_array(o);
    json_out_end_object(o);
}

char *stream_status_exit(int code)
{
    struct buf text = BUF_INIT(STREAM_STATUS_MAX);
    struct json_out o = {.buf = &text};
    if (code == 0)
        return mem_strdup("{\"metadata\":{},\"status\":\"Success\"}");
    auto_free char *message = mem_printf("command terminated with non-zero exit code: exit status %d", code);
    auto_free char *number = mem_printf("%d", code);
    write_failure(&o, message, "NonZeroExitCode", "ExitCode", number);
    json_out_end_object(&o);
    return buf_take(&text);
}

char *stream_status_failure(const char *what, const struct err *e)
{
    struct buf text = BUF_INIT(STREAM_STATUS_MAX);
    struct json_out o = {.buf = &text};
    auto_free char *cause = mem_printf("%s: %s", what, err_message(e));
    auto_free char *message = mem_printf("Internal error occurred: %s", cause);
    write_failure(&o, message, "InternalError", NULL, cause);
    json_out_int(&o, "code", 500);
    json_out_end_object(&o);
    return buf_take(&text);
}

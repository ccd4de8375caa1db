/* See state.h. */
#include "runtime/shim/state.h"
#include "lib/api/shim.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/shim/container.h"
#include "runtime/shim/shim.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void state_members(const struct shim *s, struct json_out *o)
{
    auto_free struct shim_container *list = mem_array(s->n_containers + 1, sizeof(*list));
    struct shim_state state = {
        .pid = {true, getpid()},
        .start_time = {true, s->start_time},
        .pause_pid = {s->pause_pid > 0, s->pause_pid},
        .containers = {s->n_containers, list},
    };
    size_t n = 0;
    for (const struct container *c = s->containers; c; c = c->next)
        container_describe(c, &list[n++]);
    fields_encode_members(&shim_state_fields, &state, o);
}

struct err *state_save(const struct shim *s)
{
    auto_buf b = BUF_INIT(1024 * 1024);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    state_members(s, &o);
    json_out_end_object(&o);
    buf_addc(&b, '\n');
    TRY(buf_check(&b, "shim.json"));
    return file_write_atomic(s->run_fd, "shim.json", b.data, b.len, 0600, FILE_NO_FSYNC);
}

/* Field 22 of /proc/self/stat; the second one may contain anything, but ends with the last ')'. */
struct err *state_own_start_time(int64_t *ret)
{
    auto_free char *text = NULL;
    TRY(file_read(AT_FDCWD, "/proc/self/stat", 4096, &text, NULL));
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return err_new(ERR_BUG, "/proc/self/stat: no field 22");
    *ret = strtoll(at + 1, NULL, 10);
    return NULL;
}

/* Field tables: the messages that the shim reads from its socket and the files that it reads. */
#include "lib/api/shim.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was decoded is encoded, decoded again, encoded again, and is the same text. */
static void round_trip(const struct fields *f, const uint8_t *data, size_t n)
{
    auto_arena *a = arena_new();
    auto_buf first = BUF_INIT(16 << 20), second = BUF_INIT(16 << 20);
    void *out = arena_alloc(a, f->size);
    auto_err *e = fields_parse(f, a, (const char *)data, n, out);
    if (e)
        return;
    fields_encode(f, out, &(struct json_out){&first}, NULL);
    auto_err *again = fields_parse(f, a, buf_str(&first), first.len, out);
    if (again)
        abort();
    fields_encode(f, out, &(struct json_out){&second}, NULL);
    if (first.len != second.len || memcmp(buf_str(&first), buf_str(&second), first.len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    round_trip(&shim_sandbox_fields, data, n);
    round_trip(&shim_start_fields, data, n);
    round_trip(&shim_state_fields, data, n);
    round_trip(&shim_mount_fields, data, n);
    return 0;
}

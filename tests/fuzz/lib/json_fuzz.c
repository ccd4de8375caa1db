/* JSON: whatever is read is written, read again, and is the same. */
#include "lib/json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct json_limits lim = {.bytes = 1 << 20, .depth = 20, .nodes = 5000};
    auto_arena *a = arena_new();
    const struct json *j, *back;
    auto_err *e = json_parse(a, (const char *)data, n, &lim, &j);
    if (e)
        return 0;
    for (unsigned indent = 0; indent <= 2; indent += 2) {
        auto_buf b = BUF_INIT(16 << 20);
        json_write(&b, j, indent);
        auto_err *again = json_parse(a, buf_str(&b), b.len, NULL, &back);
        if (again || !json_equal(j, back) || !json_equal(back, json_copy(a, j)))
            abort();
    }
    return 0;
}

/* YAML: whatever is read is written as YAML, read again, and is the same. */
#include "lib/yaml.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct json_limits lim = {.bytes = 1 << 20, .depth = 20, .nodes = 2000};
    auto_arena *a = arena_new();
    const struct json *documents, *back;
    auto_err *e = yaml_parse(a, (const char *)data, n, &lim, &documents);
    if (e)
        return 0;
    json_each_item (it, documents) {
        auto_buf b = BUF_INIT(16 << 20);
        yaml_write(&b, it);
        auto_err *again = yaml_parse(a, buf_str(&b), b.len, NULL, &back);
        if (again || back->n != 1 || back->items[0].type != it->type)
            abort();
    }
    return 0;
}

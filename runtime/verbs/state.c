/* state: one container as JSON, as the specification has it. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/record.h"
#include "runtime/verbs/verbs.h"
#include <unistd.h>

struct err *verb_state(const struct globals *g, int argc, char **argv, int *ret_status)
{
    struct arg_spec spec = {
        .usage = "wherry-runtime state ID", .about = "Prints the state of a container.", .min = 1, .max = 1};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    auto_arena *a = arena_new_sized(VERB_MEMORY);
    auto_close dir = -1;
    struct record r;
    TRY(record_find(g->root, operands[0], a, &dir, &r));
    struct oci_state s = record_state(&r, record_status(&r, dir));
    auto_buf compact = BUF_INIT(4 << 20), pretty = BUF_INIT(4 << 20);
    struct json_out o = {.buf = &compact};
    fields_encode(&oci_state_fields, &s, &o, NULL);
    const struct json *j;
    TRY(buf_check(&compact, "state"));
    TRY(json_parse(a, compact.data, compact.len, NULL, &j));
    json_write(&pretty, j, 2);
    buf_addc(&pretty, '\n');
    *ret_status = 0;
    return file_write_all(STDOUT_FILENO, pretty.data, pretty.len);
}

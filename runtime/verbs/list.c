/* list: every container below the root, as a table, as JSON, or only their ids. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/record.h"
#include "runtime/report.h"
#include "runtime/verbs/record_list.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COLUMNS 6
#define COLUMN_MIN 12 /* runc's table: at least so wide, three blanks between */
#define COLUMN_GAP 3

struct listing {
    struct arena *a;
    size_t n;
    struct oci_state *v;
};

/* Whoever owns the folder made the container. No look into any user database but the one name that is
 * certain. */
static const char *owner(struct arena *a, int dir)
{
    struct stat st;
    if (fstat(dir, &st) < 0)
        return "";
    return st.st_uid ? arena_printf(a, "%u", st.st_uid) : "root";
}

static void gather(int root, const struct str_list *ids, struct listing *l)
{
    l->v = arena_array(l->a, ids->n, sizeof(*l->v));
    for (size_t i = 0; i < ids->n; i++) {
        auto_close dir = -1;
        struct record r;
        auto_err *e = record_load(root, ids->v[i], l->a, &dir, &r);
        if (e && err_kind(e) != ERR_NOT_FOUND)    /* else it was just deleted */
            report_warning("%s", err_message(e)); /* and the others are listed all the same */
        if (e)
            continue;
        struct oci_state s = record_state(&r, record_status(&r, dir));
        s.owner = owner(l->a, dir);
        l->v[l->n++] = s;
    }
}

static void cells(struct arena *a, const struct oci_state *s, const char *cell[COLUMNS])
{
    cell[0] = s->id;
    cell[1] = arena_printf(a, "%lld", (long long)opt_int_or(s->pid, 0));
    cell[2] = s->status;
    cell[3] = s->bundle ? s->bundle : "";
    cell[4] = s->created ? s->created : "";
    cell[5] = s->owner;
}

static void table(const struct listing *l, struct buf *b)
{
    static const char *const head[COLUMNS] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
    const char *(*rows)[COLUMNS] = arena_array(l->a, l->n + 1, sizeof(*rows));
    memcpy(rows[0], head, sizeof(head));
    for (size_t i = 0; i < l->n; i++)
        cells(l->a, &l->v[i], rows[i + 1]);
    int width[COLUMNS] = {0};
    for (size_t i = 0; i <= l->n; i++)
        for (int c = 0; c < COLUMNS - 1; c++) {
            int n = (int)strlen(rows[i][c]) + COLUMN_GAP;
            width[c] = n > width[c] ? n : width[c];
        }
    for (size_t i = 0; i <= l->n; i++)
        for (int c = 0; c < COLUMNS; c++)
            buf_addf(b, c < COLUMNS - 1 ? "%-*s" : "%*s\n",
                c == COLUMNS - 1        ? 0
                : width[c] < COLUMN_MIN ? COLUMN_MIN
                                        : width[c],
                rows[i][c]);
}

static void json(const struct listing *l, struct buf *b)
{
    struct json_out o = {.buf = b};
    json_out_array(&o, NULL);
    for (size_t i = 0; i < l->n; i++)
        fields_encode(&oci_state_fields, &l->v[i], &o, NULL);
    json_out_end_array(&o);
    buf_addc(b, '\n');
}

static struct err *print_all(int root, struct arena *a, const struct str_list *ids, bool as_json)
{
    struct listing l = {.a = a};
    auto_buf b = BUF_INIT(256 << 20);
    gather(root, ids, &l);
    (as_json ? json : table)(&l, &b);
    TRY(buf_check(&b, "list"));
    return file_write_all(STDOUT_FILENO, b.data, b.len);
}

static struct err *print_ids(const struct str_list *ids)
{
    for (size_t i = 0; i < ids->n; i++)
        puts(ids->v[i]);
    return NULL;
}

struct err *verb_list(const struct globals *g, int argc, char **argv, int *ret_status)
{
    const char *format = "table";
    bool quiet = false;
    const struct arg_option options[] = {{"format", 'f', ARG_STR, &format, "FORMAT", "table or json"},
        {"quiet", 'q', ARG_FLAG, &quiet, NULL, "only ids"}, {NULL}};
    struct arg_spec spec = {
        .usage = "wherry-runtime list [options]", .about = "Lists containers.", .options = options};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if (strcmp(format, "table") && strcmp(format, "json"))
        return err_new(ERR_INVALID, "--format: \"%s\": must be table or json", format);
    auto_arena *a = arena_new();
    auto_close root = -1;
    struct str_list ids;
    TRY(record_root(g->root, false, &root));
    if (root < 0 && g->root_named) /* nobody who names one means one that is not there */
        return err_new(ERR_NOT_FOUND, "--root: open %s: no such file or directory", g->root);
    TRY(record_list(root, a, &ids));
    *ret_status = 0;
    return quiet ? print_ids(&ids) : print_all(root, a, &ids, !strcmp(format, "json"));
}

/* list: every container below the root, as a table, as JSON, or only their ids. */
#include "lib/args.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/record.h"
#include "runtime/verbs.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTAINERS_MAX 100000

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct err *read_ids(int root, struct arena *a, struct str_list *ret)
{
    struct str_list l = {.v = arena_array(a, 64, sizeof(*l.v))};
    size_t room = 64;
    int fd = dup(root);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return err_sys(errno, "--root");
    for (struct dirent *ent; (ent = readdir(d)) && l.n < CONTAINERS_MAX;) {
        auto_err *e = record_check_id(ent->d_name); /* what begins with a dot is no container */
        if (e)
            continue;
        if (l.n == room) {
            const char **v = arena_array(a, room *= 2, sizeof(*v));
            memcpy(v, l.v, l.n * sizeof(*v));
            l.v = v;
        }
        l.v[l.n++] = arena_strdup(a, ent->d_name);
    }
    closedir(d);
    qsort(l.v, l.n, sizeof(*l.v), by_name);
    *ret = l;
    return NULL;
}

static void row(struct buf *b, const struct oci_state *s)
{
    buf_addf(b, "%-16s %-11lld %-11s %-40s %-31s %s\n", s->id, (long long)opt_int_or(s->pid, 0), s->status,
        s->bundle ? s->bundle : "", s->created ? s->created : "", s->owner);
}

static struct err *print_all(int root, const struct str_list *ids, bool json)
{
    auto_buf b = BUF_INIT(256 << 20);
    struct json_out o = {.buf = &b};
    if (json)
        json_out_array(&o, NULL);
    else
        buf_addf(
            &b, "%-16s %-11s %-11s %-40s %-31s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
    for (size_t i = 0; i < ids->n; i++) {
        auto_arena *a = arena_new();
        auto_close dir = -1;
        struct record r;
        struct err *e = record_load(root, ids->v[i], a, &dir, &r);
        if (e && err_kind(e) == ERR_NOT_FOUND) { /* just deleted */
            err_free(e);
            continue;
        }
        TRY(e);
        struct oci_state s = record_state(&r, record_status(&r, dir));
        if (s.owner && !*s.owner)
            s.owner = "root";
        if (json)
            fields_encode(&oci_state_fields, &s, &o, NULL);
        else
            row(&b, &s);
    }
    if (json) {
        json_out_end_array(&o);
        buf_addc(&b, '\n');
    }
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
    struct str_list ids = {0};
    TRY(record_root(g->root, false, &root));
    if (root >= 0)
        TRY(read_ids(root, a, &ids));
    *ret_status = 0;
    return quiet ? print_ids(&ids) : print_all(root, &ids, !strcmp(format, "json"));
}

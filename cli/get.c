/*
 * `wherry get` and `wherry describe`: what the server says, as a table that the server made, or as JSON,
 * YAML, names.
 */
#include "cli/api.h"

#include "lib/api/paths.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/yaml.h"
#include <stdio.h>
#include <string.h>

#define ACCEPT_TABLE "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

enum { OUTPUT_MAX = 128 << 20, COLUMNS_MAX = 32 };

struct get {
    const char *ns, *output, *labels, *fields;
    bool all_namespaces;
};

/* --- tables */

static const char *cell_text(struct arena *a, const struct json *cell)
{
    if (!cell || cell->type == JSON_NULL)
        return "<none>";
    if (cell->type == JSON_STRING || cell->type == JSON_NUMBER)
        return cell->text;
    if (cell->type == JSON_BOOL)
        return cell->boolean ? "true" : "false";
    auto_buf b = BUF_INIT(4096);
    json_write(&b, cell, 0);
    return arena_strdup(a, buf_str(&b));
}

/* Indexes of the columns to show: those of priority 0, all of them when wide. */
static size_t choose_columns(const struct json *definitions, bool wide, size_t *columns)
{
    size_t n = 0, i = 0;
    json_each_item (d, definitions) {
        int64_t priority = 0;
        json_int(json_get(d, "priority"), &priority);
        if ((wide || priority == 0) && n < COLUMNS_MAX)
            columns[n++] = i;
        i++;
    }
    return n;
}

static void print_row(const char *const *texts, const size_t *widths, size_t n)
{
    for (size_t c = 0; c < n; c++)
        if (c + 1 < n)
            printf("%-*s   ", (int)widths[c], texts[c]);
        else
            printf("%s\n", texts[c]);
}

/* The name of the column as kubectl prints it: upper case. */
static const char *heading(struct arena *a, const struct json *definition)
{
    const char *name = json_str(json_get(definition, "name"));
    char *text = arena_strdup(a, name ? name : "?");
    for (char *p = text; *p; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    return text;
}

static void print_table(struct arena *a, const struct json *table, bool wide, bool with_ns)
{
    size_t columns[COLUMNS_MAX], n = choose_columns(json_get(table, "columnDefinitions"), wide, columns);
    const struct json *definitions = json_get(table, "columnDefinitions"), *rows = json_get(table, "rows");
    size_t width = n + (with_ns ? 1 : 0), height = (rows ? rows->n : 0) + 1;
    const char **texts = arena_array(a, width * height, sizeof(*texts));
    size_t *widths = arena_array(a, width, sizeof(*widths));
    for (size_t r = 0; r < height; r++) {
        const struct json *row = r ? &rows->items[r - 1] : NULL, *cells = json_get(row, "cells");
        size_t c = 0;
        if (with_ns)
            texts[r * width + c++] =
                row ? cell_text(a, json_at(row, "object", "metadata", "namespace", NULL)) : "NAMESPACE";
        for (size_t i = 0; i < n; i++)
            texts[r * width + c++] =
                !row ? heading(a, &definitions->items[columns[i]])
                     : cell_text(a, cells && columns[i] < cells->n ? &cells->items[columns[i]] : NULL);
        for (c = 0; c < width; c++)
            widths[c] = strlen(texts[r * width + c]) > widths[c] ? strlen(texts[r * width + c]) : widths[c];
    }
    for (size_t r = 0; r < height; r++)
        print_row(texts + r * width, widths, width);
}

/* --- get */

static void print_names(const struct resource *res, const struct json *object)
{
    const struct json *items = json_get(object, "items");
    const char *dot = *res->group ? "." : "";
    const char *kind = res->singular && *res->singular ? res->singular : res->plural;
    if (!items)
        printf("%s%s%s/%s\n", kind, dot, res->group, json_str(json_at(object, "metadata", "name", NULL)));
    json_each_item (it, items)
        printf("%s%s%s/%s\n", kind, dot, res->group, json_str(json_at(it, "metadata", "name", NULL)));
}

static struct err *print_object(const struct get *g, const struct resource *res, const struct json *object)
{
    auto_buf text = BUF_INIT(OUTPUT_MAX);
    if (strcmp(g->output, "name") == 0) {
        print_names(res, object);
        return NULL;
    }
    if (strcmp(g->output, "yaml") == 0)
        yaml_write(&text, object);
    else
        json_write(&text, object, 4);
    TRY(buf_check(&text, "output"));
    fwrite(text.data, 1, text.len, stdout);
    if (text.len && text.data[text.len - 1] != '\n')
        putchar('\n');
    return NULL;
}

static const char *with_query(struct arena *a, const struct get *g, const char *path)
{
    const char *q = arena_printf(a, "%s?limit=0", path);
    if (g->labels)
        q = arena_printf(a, "%s&labelSelector=%s", q, api_escape(a, g->labels));
    if (g->fields)
        q = arena_printf(a, "%s&fieldSelector=%s", q, api_escape(a, g->fields));
    return q;
}

static struct err *get_one(
    struct api *api, struct arena *a, const struct get *g, const struct resource *res, const char *name)
{
    bool table = !g->output || strcmp(g->output, "wide") == 0;
    const char *path = api_path(a, res, g->all_namespaces ? NULL : g->ns, name);
    const struct json *answer;
    TRY(api_call(api, a,
        &(struct api_request){
            "GET", name ? path : with_query(a, g, path), table ? ACCEPT_TABLE : NULL, NULL, NULL},
        &answer));
    if (!table)
        return print_object(g, res, answer);
    const struct json *rows = json_get(answer, "rows");
    if (!rows || rows->n == 0)
        fprintf(stderr,
            g->all_namespaces || !res->namespaced ? "No resources found\n"
                                                  : "No resources found in %s namespace.\n",
            g->ns);
    else
        print_table(a, answer, g->output != NULL, g->all_namespaces && res->namespaced);
    return NULL;
}

static struct err *check_output(const char *output)
{
    static const char *const known[] = {"json", "yaml", "wide", "name"};
    for (size_t i = 0; output && i < ARRAY_SIZE(known); i++)
        if (strcmp(output, known[i]) == 0)
            return NULL;
    return output ? err_new(ERR_INVALID, "--output %s: not json, yaml, wide or name", output) : NULL;
}

struct each {
    struct api *api;
    struct arena *a;
    struct get *g;
};

static struct err *get_each(void *arg, const struct resource *res, const char *name)
{
    struct each *e = arg;
    return get_one(e->api, e->a, e->g, res, name);
}

struct err *cli_get(struct cli *cli, int argc, char **argv)
{
    struct get g = {.ns = "default"};
    const struct arg_option options[] = {
        {"namespace", 'n', ARG_STR, &g.ns, "NAME", "the namespace (default: default)"},
        {"all-namespaces", 'A', ARG_FLAG, &g.all_namespaces, NULL, "of all namespaces"},
        {"output", 'o', ARG_STR, &g.output, "FORMAT", "json, yaml, wide or name"},
        {"selector", 'l', ARG_STR, &g.labels, "LABELS", "only objects with these labels"},
        {"field-selector", 0, ARG_STR, &g.fields, "FIELDS", "only objects with these fields"},
        {0},
    };
    const struct arg_spec spec = {
        "wherry get TYPE [NAME]... | TYPE/NAME...", "Shows objects.", options, 1, -1, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    TRY(check_output(g.output));
    auto_api *api = NULL;
    TRY(api_open(cli, &api));
    auto_arena *a = arena_new();
    struct each e = {api, a, &g};
    return api_each_named(api, a, operands, n, get_each, &e);
}

/* --- describe */

/* kubectl's describe, as far as it helps: the object as YAML without what only programs read, then its
 * events. */
static const struct json *without_noise(struct arena *a, const struct json *object)
{
    const struct json *meta = json_with(a, json_get(object, "metadata"), "managedFields", NULL);
    const struct json *notes = json_get(meta, "annotations");
    if (notes) {
        notes = json_with(a, notes, "kubectl.kubernetes.io/last-applied-configuration", NULL);
        meta = json_with(a, meta, "annotations", notes->n ? notes : NULL);
    }
    return json_with(a, object, "metadata", meta);
}

static void print_event(struct arena *a, const struct json *event)
{
    int64_t count = 1, when;
    char age[32] = "<unknown>";
    json_int(json_get(event, "count"), &count);
    const char *last = json_str(json_get(event, "lastTimestamp"));
    if (last && clock_parse(last, &when))
        clock_age(clock_now_ns() - when, age, sizeof(age));
    if (count > 1)
        snprintf(age + strlen(age), sizeof(age) - strlen(age), " (x%lld)", (long long)count);
    printf("  %-8s %-20s %-12s %-18s %s\n", cell_text(a, json_get(event, "type")),
        cell_text(a, json_get(event, "reason")), age,
        cell_text(a, json_at(event, "source", "component", NULL)), cell_text(a, json_get(event, "message")));
}

static struct err *print_events(struct each *e, const struct json *object)
{
    const char *uid = json_str(json_at(object, "metadata", "uid", NULL)),
               *ns = json_str(json_at(object, "metadata", "namespace", NULL));
    const char *path =
        arena_printf(e->a, "/api/v1/%s%s%sevents?fieldSelector=%s", ns ? "namespaces/" : "", ns ? ns : "",
            ns ? "/" : "", api_escape(e->a, arena_printf(e->a, "involvedObject.uid=%s", uid ? uid : "")));
    const struct json *list;
    TRY(api_call(e->api, e->a, &(struct api_request){"GET", path, NULL, NULL, NULL}, &list));
    const struct json *items = json_get(list, "items");
    if (!items || items->n == 0) {
        printf("events: <none>\n");
        return NULL;
    }
    printf("events:\n  %-8s %-20s %-12s %-18s %s\n", "TYPE", "REASON", "AGE", "FROM", "MESSAGE");
    json_each_item (it, items)
        print_event(e->a, it);
    return NULL;
}

static struct err *describe_object(struct each *e, const struct json *object)
{
    auto_buf text = BUF_INIT(OUTPUT_MAX);
    yaml_write(&text, without_noise(e->a, object));
    TRY(buf_check(&text, "output"));
    fwrite(text.data, 1, text.len, stdout);
    return print_events(e, object);
}

static struct err *describe_each(void *arg, const struct resource *res, const char *name)
{
    struct each *e = arg;
    const struct json *answer;
    const char *path = api_path(e->a, res, e->g->ns, name);
    TRY(api_call(e->api, e->a,
        &(struct api_request){"GET", name ? path : with_query(e->a, e->g, path), NULL, NULL, NULL}, &answer));
    if (name)
        return describe_object(e, answer);
    const char *separator = "";
    json_each_item (it, json_get(answer, "items")) {
        printf("%s", separator);
        TRY(describe_object(e, it));
        separator = "---\n";
    }
    return NULL;
}

struct err *cli_describe(struct cli *cli, int argc, char **argv)
{
    struct get g = {.ns = "default"};
    const struct arg_option options[] = {
        {"namespace", 'n', ARG_STR, &g.ns, "NAME", "the namespace (default: default)"},
        {"selector", 'l', ARG_STR, &g.labels, "LABELS", "only objects with these labels"},
        {0},
    };
    const struct arg_spec spec = {"wherry describe TYPE [NAME]... | TYPE/NAME...",
        "Shows objects with their events.", options, 1, -1, false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    auto_api *api = NULL;
    TRY(api_open(cli, &api));
    auto_arena *a = arena_new();
    struct each e = {api, a, &g};
    return api_each_named(api, a, operands, n, describe_each, &e);
}

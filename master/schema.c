/*
 * Reads schema/types.txt (its head describes it). The text is in the program's data section and is cut up in
 * place; what is allocated are the tables that point into it. A mistake in it is ours: it ends the program.
 */
#include "master/schema.h"
#include "lib/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The path is from the top of the repository, where make runs. */
__asm__(".section .data\n"
        ".global schema_text\n"
        "schema_text:\n"
        ".incbin \"master/schema/types.txt\"\n"
        ".byte 0\n"
        ".previous\n");
extern char schema_text[];

static struct schema *types;
static size_t n_types;

static const char *const base_names[] = {
    [SCHEMA_STRING] = "string",
    [SCHEMA_INT32] = "int32",
    [SCHEMA_INT64] = "int64",
    [SCHEMA_BOOL] = "bool",
    [SCHEMA_DOUBLE] = "double",
    [SCHEMA_BYTES] = "bytes",
    [SCHEMA_QUANTITY] = "quantity",
    [SCHEMA_INTSTR] = "intstr",
    [SCHEMA_TIME] = "time",
    [SCHEMA_MICROTIME] = "microtime",
    [SCHEMA_ANY] = "any",
};

static void broken(const char *what)
{
    fprintf(stderr, "master/schema/types.txt: %s\n", what);
    abort();
}

static void parse_flag(struct schema_field *f, char *flag)
{
    if (!strcmp(flag, "!"))
        f->required = true;
    else if (!strcmp(flag, "p"))
        f->keep_zero = true;
    else if (!strcmp(flag, "z"))
        f->always = true;
    else if (!strcmp(flag, "retain"))
        f->retain = true;
    else if (!strncmp(flag, "merge", 5)) {
        f->merge = true;
        f->merge_key = flag[5] == '=' ? flag + 6 : NULL;
    } else if (!strncmp(flag, "keys=", 5))
        f->keys = flag + 5;
    else if (!strcmp(flag, "set") || !strcmp(flag, "atomic") || !strcmp(flag, "granular"))
        f->list = flag;
    else if (*flag == '#') {
        char *dot = strchr(flag, '.');
        f->outer = dot ? (unsigned)strtoul(flag + 1, NULL, 10) : 0;
        f->number = (unsigned)strtoul(dot ? dot + 1 : flag + 1, NULL, 10);
    } else
        broken(flag);
}

static void parse_field(struct schema *s, char *line)
{
    char *save = NULL, *name = strtok_r(line, " ", &save), *type = strtok_r(NULL, " ", &save);
    if (!name || !type)
        broken(line);
    struct schema_field *f = &s->fields[s->n++];
    *f = (struct schema_field){.name = name, .type = type};
    for (char *flag; (flag = strtok_r(NULL, " ", &save));)
        parse_flag(f, flag);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct schema_field *)a)->name, ((const struct schema_field *)b)->name);
}

static void resolve(struct schema_field *f)
{
    const char *t = f->type;
    if (!strncmp(t, "[]", 2) || !strncmp(t, "{}", 2)) {
        f->shape = *t == '[' ? SCHEMA_LIST : SCHEMA_MAP;
        t += 2;
    }
    for (size_t i = 0; i < ARRAY_SIZE(base_names); i++)
        if (base_names[i] && !strcmp(t, base_names[i])) {
            f->base = (enum schema_base)i;
            return;
        }
    f->base = SCHEMA_STRUCT;
    for (size_t i = 0; i < n_types; i++)
        if (!strcmp(types[i].name, t))
            f->sub = &types[i];
    if (!f->sub)
        broken(f->type);
}

static void load(void)
{
    size_t lines = 1, n_fields = 0;
    for (const char *p = schema_text; *p; p++)
        lines += *p == '\n';
    types = mem_array(lines, sizeof(*types));
    struct schema_field *fields = mem_array(lines, sizeof(*fields));
    for (char *line = schema_text, *next; line && *line; line = next) {
        if ((next = strchr(line, '\n')))
            *next++ = 0;
        if (*line == '#' || !*line)
            continue;
        if (*line != '\t') {
            types[n_types++] = (struct schema){.name = line, .fields = fields + n_fields};
        } else {
            if (!n_types)
                broken(line);
            parse_field(&types[n_types - 1], line + 1);
            n_fields++;
        }
    }
    for (size_t i = 0; i < n_types; i++) {
        qsort(types[i].fields, types[i].n, sizeof(*fields), by_name);
        for (size_t k = 0; k < types[i].n; k++)
            resolve(&types[i].fields[k]);
    }
}

const struct schema *schema_all(size_t *ret_n)
{
    if (!types)
        load();
    *ret_n = n_types;
    return types;
}

const struct schema *schema_find(const char *name)
{
    size_t n;
    const struct schema *all = schema_all(&n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(all[i].name, name))
            return &all[i];
    return NULL;
}

const struct schema_field *schema_field(const struct schema *s, const char *name)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int order = strcmp(name, s->fields[mid].name);
        if (!order)
            return &s->fields[mid];
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const char *schema_short(const struct schema *s)
{
    const char *dot = strrchr(s->name, '.');
    return dot ? dot + 1 : s->name;
}

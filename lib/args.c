/* Command lines. Operands are moved to the front of argv, so that nothing is copied. */
#include "lib/args.h"
#include "lib/mem.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
    const struct arg_spec *spec;
    char **argv;
    int argc, i;
};

static void print_help(const struct arg_spec *spec)
{
    printf("usage: %s\n", spec->usage);
    if (spec->about)
        printf("\n%s\n", spec->about);
    printf("\noptions:\n");
    for (const struct arg_option *o = spec->options; o && o->name; o++) {
        char left[80], letter[8] = "    ";
        if (o->letter)
            snprintf(letter, sizeof(letter), "-%c, ", o->letter);
        snprintf(
            left, sizeof(left), "%s--%s%s%s", letter, o->name, o->meta ? " " : "", o->meta ? o->meta : "");
        printf("  %-30s %s\n", left, o->help ? o->help : "");
    }
    printf("  %-30s %s\n", "    --help", "this text");
}

static const struct arg_option *by_name(const struct arg_spec *spec, const char *name, size_t n)
{
    for (const struct arg_option *o = spec->options; o && o->name; o++)
        if (strlen(o->name) == n && !memcmp(o->name, name, n))
            return o;
    return NULL;
}

static const struct arg_option *by_letter(const struct arg_spec *spec, char letter)
{
    for (const struct arg_option *o = spec->options; o && o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static struct err *set_flag(const struct arg_option *o, const char *value)
{
    bool v = true;
    if (value && !strcmp(value, "false"))
        v = false;
    else if (value && strcmp(value, "true"))
        return err_new(ERR_INVALID, "--%s: \"%s\" is neither true nor false", o->name, value);
    *(bool *)o->value = v;
    return NULL;
}

static struct err *set_value(const struct arg_option *o, const char *value)
{
    if (o->type == ARG_STR) {
        *(const char **)o->value = value;
    } else if (o->type == ARG_INT) {
        char *end;
        errno = 0;
        long long v = strtoll(value, &end, 10);
        if (errno || end == value || *end)
            return err_new(ERR_INVALID, "--%s: not an integer: \"%s\"", o->name, value);
        *(int64_t *)o->value = v;
    } else {
        struct str_list *list = o->value;
        list->v = mem_realloc(list->v, list->n + 1, sizeof(*list->v));
        list->v[list->n++] = value;
    }
    return NULL;
}

/* The value that follows in the next argument. */
static struct err *next_value(struct cursor *c, const struct arg_option *o, const char **ret)
{
    if (c->i + 1 >= c->argc)
        return err_new(ERR_INVALID, "--%s needs a value: %s", o->name, o->meta ? o->meta : "VALUE");
    *ret = c->argv[++c->i];
    return NULL;
}

static struct err *long_option(struct cursor *c, const char *text)
{
    size_t n = strcspn(text, "=");
    const char *value = text[n] ? text + n + 1 : NULL;
    const struct arg_option *o = by_name(c->spec, text, n);
    if (!o && !strcmp(text, "help")) {
        print_help(c->spec);
        exit(0);
    }
    if (!o)
        return err_new(ERR_INVALID, "unknown option --%.*s (try --help)", (int)n, text);
    if (o->type == ARG_FLAG)
        return set_flag(o, value);
    if (!value)
        TRY(next_value(c, o, &value));
    return set_value(o, value);
}

/* -it, -n NAME, -nNAME */
static struct err *short_options(struct cursor *c, const char *letters)
{
    for (; *letters; letters++) {
        const struct arg_option *o = by_letter(c->spec, *letters);
        if (!o && *letters == 'h') {
            print_help(c->spec);
            exit(0);
        }
        if (!o)
            return err_new(ERR_INVALID, "unknown option -%c (try --help)", *letters);
        if (o->type == ARG_FLAG) {
            TRY(set_flag(o, NULL));
            continue;
        }
        const char *value = letters[1] ? letters + 1 : NULL;
        if (!value)
            TRY(next_value(c, o, &value));
        return set_value(o, value);
    }
    return NULL;
}

static struct err *check_count(const struct arg_spec *spec, char **operands, int n)
{
    if (n < spec->min)
        return err_new(ERR_INVALID, "something is missing (usage: %s)", spec->usage);
    if (spec->max >= 0 && n > spec->max)
        return err_new(
            ERR_INVALID, "unexpected argument \"%s\" (usage: %s)", operands[spec->max], spec->usage);
    return NULL;
}

struct err *args_parse(const struct arg_spec *spec, int argc, char **argv, char ***ret_operands, int *ret_n)
{
    struct cursor c = {spec, argv, argc, 1};
    int n = 0; /* operands so far, at argv[1..n] */
    bool only_operands = false;
    for (; c.i < argc; c.i++) {
        char *text = argv[c.i];
        /* "exec POD -- CMD": the dashes that end options may also stand behind the operand that ended them */
        if (!strcmp(text, "--") && (!only_operands || (spec->stop_at_operand && n == 1))) {
            bool again = only_operands;
            only_operands = true;
            if (!again || argv[c.i - 1] == argv[n])
                continue;
        } else if (!only_operands && text[0] == '-' && text[1] == '-') {
            TRY(long_option(&c, text + 2));
            continue;
        } else if (!only_operands && text[0] == '-' && text[1]) {
            TRY(short_options(&c, text + 1));
            continue;
        }
        argv[++n] = text;
        only_operands |= spec->stop_at_operand;
    }
    TRY(check_count(spec, argv + 1, n));
    if (ret_operands)
        *ret_operands = argv + 1;
    if (ret_n)
        *ret_n = n;
    return NULL;
}

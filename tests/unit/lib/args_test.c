/* lib/args: options, operands, errors. */
#include "lib/args.h"
#include "lib/mem.h"
#include "tests/unit/test.h"
#include <stdlib.h>

enum { OPERANDS = 500 };

struct values {
    bool tty, in;
    const char *name;
    int64_t tail;
    struct str_list labels;
};

/* Splits `line` at blanks, parses, and joins the operands with "|". */
static struct err *parse(struct values *v, const char *line, bool stop, char *operands)
{
    const struct arg_option options[] = {
        {"tty", 't', ARG_FLAG, &v->tty, NULL, "a terminal"},
        {"stdin", 'i', ARG_FLAG, &v->in, NULL, "input"},
        {"name", 'n', ARG_STR, &v->name, "NAME", "whose"},
        {"tail", 0, ARG_INT, &v->tail, "N", "lines"},
        {"label", 'l', ARG_STRS, &v->labels, "K=V", "many"},
        {NULL},
    };
    const struct arg_spec spec = {"x [-t] A [B]", "about", options, 1, stop ? -1 : 2, stop};
    static char copy[500];
    char *argv[40] = {"x"}, *save, **found;
    int argc = 1, n;
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    TRY(args_parse(&spec, argc, argv, &found, &n));
    for (int i = 0, at = 0; i < n; i++)
        at += snprintf(operands + at, OPERANDS - (size_t)at, "%s%s", i ? "|" : "", found[i]);
    return NULL;
}

static void good_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool stop;
        const char *operands;
        bool tty, in;
        const char *name;
        int64_t tail;
        size_t labels;
    } cases[] = {
        {"a", false, "a", false, false, "def", -1, 0},
        {"a b", false, "a|b", false, false, "def", -1, 0},
        {"-it a", false, "a", true, true, "def", -1, 0},
        {"a -t b -i", false, "a|b", true, true, "def", -1, 0},
        {"--tty=false a", false, "a", false, false, "def", -1, 0},
        {"--name x a", false, "a", false, false, "x", -1, 0},
        {"--name=x a", false, "a", false, false, "x", -1, 0},
        {"--name= a", false, "a", false, false, "", -1, 0},
        {"-nx a", false, "a", false, false, "x", -1, 0},
        {"-tn x a", false, "a", true, false, "x", -1, 0},
        {"--tail 5 a", false, "a", false, false, "def", 5, 0},
        {"--tail=-5 a", false, "a", false, false, "def", -5, 0},
        {"-l a=1 --label b=2 a", false, "a", false, false, "def", -1, 2},
        {"-- -t --", false, "-t|--", false, false, "def", -1, 0},
        {"a -- -b", false, "a|-b", false, false, "def", -1, 0},
        {"-", false, "-", false, false, "def", -1, 0},
        {"-t pod cmd -i --name y", true, "pod|cmd|-i|--name|y", true, false, "def", -1, 0},
        {"pod -- cmd -- x", true, "pod|cmd|--|x", false, false, "def", -1, 0},
        {"pod sh -c -- x", true, "pod|sh|-c|--|x", false, false, "def", -1, 0},
        {"-- pod -i", true, "pod|-i", false, false, "def", -1, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct values v = {.name = "def", .tail = -1};
        char operands[OPERANDS];
        assert_ok(parse(&v, cases[i].line, cases[i].stop, operands));
        assert_string_equal(operands, cases[i].operands);
        assert_int_equal(v.tty, cases[i].tty);
        assert_int_equal(v.in, cases[i].in);
        assert_string_equal(v.name, cases[i].name);
        assert_int_equal(v.tail, cases[i].tail);
        assert_int_equal(v.labels.n, cases[i].labels);
        free(v.labels.v);
    }
}

static void bad_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"", "something is missing (usage: x [-t] A [B])"},
        {"a b c", "unexpected argument \"c\" (usage: x [-t] A [B])"},
        {"--nope a", "unknown option --nope (try --help)"},
        {"--nope=3 a", "unknown option --nope (try --help)"},
        {"--na x a", "unknown option --na (try --help)"},
        {"-x a", "unknown option -x (try --help)"},
        {"-tx a", "unknown option -x (try --help)"},
        {"a --name", "--name needs a value: NAME"},
        {"a -n", "--name needs a value: NAME"},
        {"--tail x a", "--tail: not an integer: \"x\""},
        {"--tail= a", "--tail: not an integer: \"\""},
        {"--tail 99999999999999999999 a", "--tail: not an integer: \"99999999999999999999\""},
        {"--tty=maybe a", "--tty: \"maybe\" is neither true nor false"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct values v = {0};
        char operands[OPERANDS];
        assert_error(parse(&v, cases[i].line, false, operands), ERR_INVALID, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),
        cmocka_unit_test(bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

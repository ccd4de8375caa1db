/*
 * Rules and defaults of every kind: the cases of cases/rules.txt and cases/defaults.txt, posted as a dry run.
 * Paths are from the top of the repository, where the tests run.
 */
#include "tests/unit/master/cluster_fixture.h"

struct cases {
    char *text, *p;
};

static void open_cases(struct cases *c, const char *path)
{
    assert_ok(file_read(AT_FDCWD, path, 1 << 20, &c->text, NULL));
    c->p = c->text;
}

/* The next line, cut off; NULL at the end. */
static char *line(struct cases *c)
{
    if (!*c->p)
        return NULL;
    char *at = c->p, *end = strchr(at, '\n');
    c->p = end ? end + 1 : at + strlen(at);
    if (end)
        *end = 0;
    return at;
}

/* The name of the next case, NULL at the end; its second line is cut into kind and body. */
static const char *next_case(struct cases *c, enum kind_id *ret_kind, const char **ret_body)
{
    char *name = line(c);
    while (name && (!*name || *name == '#'))
        name = line(c);
    if (!name)
        return NULL;
    char *kind = line(c), *body = strchr(kind, ' ');
    *body++ = 0;
    *ret_body = body;
    for (size_t k = 0; k < KIND_N; k++)
        if (!strcmp(kinds[k].name, kind)) {
            *ret_kind = (enum kind_id)k;
            return name;
        }
    fail_msg("%s: unknown kind %s", name, kind);
    return NULL;
}

static void test_rules(void **state)
{
    struct fixture *f = *state;
    struct cases c;
    enum kind_id kind;
    const char *name, *body;
    int bad = 0, n = 0;
    open_cases(&c, "tests/unit/master/cases/rules.txt");
    for (; (name = next_case(&c, &kind, &body)); n++) {
        unsigned code = (unsigned)atoi(line(&c));
        struct buf wanted = BUF_INIT(1 << 20);
        while (!strncmp(c.p, "  ", 2))
            buf_addf(&wanted, "%s\n", line(&c) + 2);
        fixture_change(f, CHANGE_CREATE, kind, SUB_NONE, NULL, body, true);
        char *got = *f->causes ? mem_strdup(f->causes) : mem_printf("%s\n", f->message);
        if (f->code != code || strcmp(got, buf_str(&wanted)) != 0) {
            print_error("%s: wanted %u\n%sgot %u\n%s", name, code, buf_str(&wanted), f->code, got);
            bad++;
        }
        free(got);
        buf_done(&wanted);
    }
    free(c.text);
    assert_int_equal(bad, 0);
    assert_true(n > 150);
}

/* Equal, but that "<...>" stands for anything. */
static bool matches(const struct json *wanted, const struct json *got)
{
    if (wanted->type == JSON_STRING && *wanted->text == '<')
        return got != NULL;
    if (!got || wanted->type != got->type || (wanted->type >= JSON_ARRAY && wanted->n != got->n))
        return false;
    if (wanted->type == JSON_ARRAY) {
        for (size_t i = 0; i < wanted->n; i++)
            if (!matches(&wanted->items[i], &got->items[i]))
                return false;
        return true;
    }
    if (wanted->type == JSON_OBJECT) {
        json_each_member (m, wanted) {
            if (!matches(&m->value, json_get(got, m->name)))
                return false;
        }
        return true;
    }
    return json_equal(wanted, got);
}

static void test_defaults(void **state)
{
    struct fixture *f = *state;
    struct cases c;
    enum kind_id kind;
    const char *name, *body;
    int bad = 0, n = 0;
    open_cases(&c, "tests/unit/master/cases/defaults.txt");
    for (; (name = next_case(&c, &kind, &body)); n++) {
        const char *wanted = line(&c) + 2;
        struct arena *a = arena_new();
        fixture_change(f, CHANGE_CREATE, kind, SUB_NONE, NULL, body, true);
        const struct json *got = f->json ? fixture_parse(a, f->json) : &json_null;
        static const char *const left_out[] = {"kind", "apiVersion", "metadata"};
        for (size_t i = 0; f->json && i < ARRAY_SIZE(left_out); i++)
            got = json_with(a, got, left_out[i], NULL);
        if (f->code != 201 || !matches(fixture_parse(a, wanted), got)) {
            struct buf b = BUF_INIT(1 << 20);
            json_write(&b, got, 0);
            print_error("%s: %u %s\nwanted %s\ngot    %s\n", name, f->code, f->message, wanted, buf_str(&b));
            buf_done(&b);
            bad++;
        }
        arena_free(a);
    }
    free(c.text);
    assert_int_equal(bad, 0);
    assert_true(n > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rules, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_defaults, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

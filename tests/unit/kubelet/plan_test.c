/* kubelet/plan: what a Pod needs next. Each case: the containers' states as a word, what is to be done. */
#include "kubelet/plan.h"
#include "lib/api/pod.h"
#include "lib/mem.h"
#include "tests/unit/test.h"

enum { NOW = 1000000 };

static const struct container plain = {.name = "c"};
static const struct container sidecar = {.name = "s", .restart_policy = "Always"};

/* A container in a few letters: kind i s m e; state n f t h r k x; after x the exit code; "+" started
 * (sidecar),
 * "~" may not retry yet, "!" its image changed. "ix0 mr" */
static size_t parse(const char *text, struct plan_instance *v)
{
    static const char states[] = "nfthrkx";
    size_t n = 0;
    while (*text) {
        const char *kinds = "isme";
        struct plan_instance *p = &v[n++];
        *p = (struct plan_instance){.kind = (enum instance_kind)(strchr(kinds, *text++) - kinds)};
        p->spec = p->kind == INSTANCE_SIDECAR ? &sidecar : &plain;
        p->state = (enum instance_state)(strchr(states, *text++) - states);
        for (; *text && *text != ' '; text++) {
            if (*text >= '0' && *text <= '9')
                p->exit_code = *text - '0';
            p->started |= *text == '+';
            p->changed |= *text == '!';
            if (*text == '~')
                p->retry_at = NOW + 10000;
        }
        text += *text == ' ';
    }
    return n;
}

static void describe(const struct plan_out *o, char *text)
{
    static const char *const names[] = {"volumes", "make", "clear", "start", "stop", "done"};
    *text = '\0';
    for (size_t i = 0; i < o->n; i++) {
        text += sprintf(text, "%s%s", i ? " " : "", names[o->v[i].type]);
        if (o->v[i].type == ACTION_START || o->v[i].type == ACTION_STOP)
            text += sprintf(text, "%zu", o->v[i].instance);
    }
    if (o->wake_at)
        text += sprintf(text, "%swake", o->n ? " " : "");
    if (o->ended)
        sprintf(text, "%s.", o->n || o->wake_at ? " " : "");
}

struct example {
    const char *policy, *containers, *flags; /* flags: s stopping, l leaving, v no volumes, i no inputs,
                                                0 no sandbox, L lost, C clearing, M making */
    const char *actions;
};

static const struct example examples[] = {
    /* the way up */
    {"Always", "mn", "v0", "volumes"},
    {"Always", "mn", "v0i", ""},
    {"Always", "mn", "0", "make"},
    {"Always", "mn", "M", ""},
    {"Always", "mn", "", "start0"},
    {"Always", "mn", "i", ""},
    {"Always", "mn mn", "", "start0"},
    {"Always", "mt mn", "", ""},
    {"Always", "mf mn", "", "start1"},
    {"Always", "mr mn", "", "start1"},
    {"Always", "mr mr", "", ""},
    /* init containers, one after the other */
    {"Always", "in in mn", "", "start0"},
    {"Always", "ir in mn", "", ""},
    {"Always", "ix0 in mn", "", "start1"},
    {"Always", "ix0 ix0 mn", "", "start2"},
    {"Always", "ix1 in mn", "", "start0"},
    {"Always", "ix1~ in mn", "", "wake"},
    {"OnFailure", "ix1 mn", "", "start0"},
    {"Never", "ix1 in mn", "", "clear ."},
    {"Never", "ix1 in mn", "0", "done ."},
    /* sidecars */
    {"Always", "sn in mn", "", "start0"},
    {"Always", "sr in mn", "", ""},
    {"Always", "sr+ in mn", "", "start1"},
    {"Always", "sr+ ix0 mn", "", "start2"},
    {"Always", "sx1 ix0 mr", "", "start0"},
    {"Always", "sx0~ ix0 mr", "", "wake"},
    {"Never", "sx1 mr", "", "start0"},
    {"Never", "sr+ mx0", "", "stop0 ."},
    {"Never", "sr+ sr+ mx0", "", "stop1 ."},
    {"Never", "sr+ sk mx0", "", "stop1 ."},
    {"Never", "sr+ sx0 mx0", "", "stop0 ."},
    /* ends */
    {"Always", "mx0", "", "start0"},
    {"Always", "mx1~", "", "wake"},
    {"OnFailure", "mx0", "", "clear ."},
    {"OnFailure", "mx1", "", "start0"},
    {"OnFailure", "mx0 mx1", "", "start1"},
    {"OnFailure", "mx0 mr", "", ""},
    {"Never", "mx0 mx3", "", "clear ."},
    {"Never", "mx0 mx3", "0", "done ."},
    {"Never", "mx0 mx3", "C", "."},
    {"Never", "mx1 mr", "", ""},
    /* another image */
    {"Always", "mr!", "", "stop0"},
    {"Always", "mn!", "", "start0"},
    /* ephemeral ones run once, and end nothing */
    {"Always", "mr en", "", "start1"},
    {"Always", "mr ex1", "", ""},
    {"Never", "mx0 er", "", "stop1 ."},
    /* stopping */
    {"Always", "mr mr", "s", "stop0 stop1 ."},
    {"Always", "mk mr", "s", "stop0 stop1 ."},
    {"Always", "mt mr", "s", "stop1 ."},
    {"Always", "mf mx0", "s", "."},
    {"Always", "mn", "s", "clear ."},
    {"Always", "mh", "s", "stop0 ."},
    {"Always", "sr+ ix0 mr", "s", "stop2 ."},
    {"Always", "sr+ ix0 mx0", "s", "stop0 ."},
    {"Always", "mx0", "sl", "clear ."},
    {"Always", "mx0", "sl0", "done ."},
    {"Always", "mn", "slv0", "done ."},
    {"Always", "mn", "slM", "."},
    /* the sandbox went away */
    {"Always", "mx1", "L", "clear"},
    {"Always", "mx1", "0", "make"},
    {"Never", "mx1", "L", "clear ."},
};

static void check(const struct example *x)
{
    struct plan_instance v[8];
    const struct pod_spec spec = {.restart_policy = x->policy};
    struct plan_in in = {.spec = &spec, .sandbox = SANDBOX_READY, .v = v, .now = NOW};
    in.n = parse(x->containers, v);
    in.stopping = strchr(x->flags, 's');
    in.leaving = strchr(x->flags, 'l');
    in.volumes_ready = !strchr(x->flags, 'v');
    in.inputs_ready = !strchr(x->flags, 'i');
    in.sandbox = strchr(x->flags, '0')   ? SANDBOX_NONE
                 : strchr(x->flags, 'L') ? SANDBOX_LOST
                 : strchr(x->flags, 'C') ? SANDBOX_CLEARING
                 : strchr(x->flags, 'M') ? SANDBOX_MAKING
                                         : SANDBOX_READY;
    struct action room[16];
    struct plan_out out = {.v = room}, again = {.v = room};
    char text[256], second[256];
    plan(&in, &out);
    assert_true(out.n <= plan_room(&in));
    describe(&out, text);
    plan(&in, &again);
    describe(&again, second);
    if (strcmp(text, x->actions) != 0)
        print_error("%s \"%s\" [%s]: got \"%s\", want \"%s\"\n", x->policy, x->containers, x->flags, text,
            x->actions);
    assert_string_equal(text, x->actions);
    assert_string_equal(second, text);
}

static void cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
        check(&examples[i]);
}

/* Whatever the states are: something is said only about containers that are there, never is one started that
 * lives, and never stopped and started at once. */
static void every_combination_is_sane(void **state)
{
    (void)state;
    static const char *const policies[] = {"Always", "OnFailure", "Never"};
    for (int p = 0; p < 3; p++)
        for (int a = 0; a < INSTANCE_STATES; a++)
            for (int b = 0; b < INSTANCE_STATES; b++)
                for (int box = 0; box < SANDBOX_STATES; box++)
                    for (int stopping = 0; stopping < 2; stopping++) {
                        const struct pod_spec spec = {.restart_policy = policies[p]};
                        struct plan_instance v[2] = {{.kind = INSTANCE_SIDECAR, .state = a, .spec = &sidecar},
                            {.kind = INSTANCE_MAIN, .state = b, .spec = &plain, .exit_code = 1}};
                        struct plan_in in = {.spec = &spec,
                            .stopping = stopping,
                            .volumes_ready = true,
                            .inputs_ready = true,
                            .sandbox = box,
                            .n = 2,
                            .v = v,
                            .now = NOW};
                        struct action room[8];
                        struct plan_out out = {.v = room};
                        plan(&in, &out);
                        for (size_t i = 0; i < out.n; i++) {
                            if (room[i].type == ACTION_START)
                                assert_false(plan_is_live(v[room[i].instance].state));
                            if (room[i].type == ACTION_STOP)
                                assert_true(plan_is_live(v[room[i].instance].state));
                            assert_false(stopping && room[i].type == ACTION_START);
                            assert_false(room[i].type == ACTION_SANDBOX_MAKE && box != SANDBOX_NONE);
                        }
                    }
}

static void restart_rules(void **state)
{
    (void)state;
    int64_t codes[] = {42, 43};
    struct restart_rule_exit_codes in = {.operator_ = "In", .values = {2, codes}},
                                   not_in = {.operator_ = "NotIn", .values = {2, codes}};
    struct restart_rule r = {.action = "Restart", .exit_codes = &in};
    struct container c = {.name = "c"};
    const struct pod_spec never = {.restart_policy = "Never"};
    c.restart_policy_rules.v = &r;
    c.restart_policy_rules.n = 1;
    assert_true(plan_restarts(&never, &c, INSTANCE_MAIN, 42));
    assert_false(plan_restarts(&never, &c, INSTANCE_MAIN, 7));
    r.exit_codes = &not_in;
    assert_false(plan_restarts(&never, &c, INSTANCE_MAIN, 42));
    assert_true(plan_restarts(&never, &c, INSTANCE_MAIN, 7));
    const struct container always = {.name = "a", .restart_policy = "Always"};
    assert_true(plan_restarts(&never, &always, INSTANCE_MAIN, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(every_combination_is_sane),
        cmocka_unit_test(restart_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

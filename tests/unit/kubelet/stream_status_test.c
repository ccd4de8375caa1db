/* kubelet/stream_status: what clients of exec and attach read last. */
#include "kubelet/stream_status.h"
#include "lib/mem.h"
#include "tests/unit/test.h"

static void ends(void **state)
{
    (void)state;
    auto_free char *good = stream_status_exit(0), *bad = stream_status_exit(137);
    assert_string_equal(good, "{\"metadata\":{},\"status\":\"Success\"}");
    assert_string_equal(bad,
        "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with non-zero exit code: "
        "exit "
        "status "
        "137\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":"
        "\"137\"}]}}");
}

static void failures(void **state)
{
    (void)state;
    auto_err *e = err_new(ERR_SYSTEM, "exec: \"x\": no");
    auto_free char *text = stream_status_failure("error attaching to container", e);
    assert_string_equal(text,
        "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"Internal error occurred: error attaching to "
        "container: exec: \\\"x\\\": no\",\"reason\":\"InternalError\",\"details\":{\"causes\":[{\"message\":"
        "\"error attaching to container: exec: \\\"x\\\": no\"}]},\"code\":500}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends), cmocka_unit_test(failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

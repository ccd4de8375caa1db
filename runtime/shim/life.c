/* A container's life: see life.h. */
#include "runtime/shim/life.h"

static const struct life_step table[LIFE_STATES][LIFE_EVENTS] =
    {
        [LIFE_STARTING] =
            {
                [LIFE_JOB_OK] = {LIFE_RUNNING, LIFE_BEGIN},
                [LIFE_JOB_FAILED] = {LIFE_REMOVING, LIFE_REMOVE},
                [LIFE_ENDED] = {LIFE_STARTING, LIFE_IMPOSSIBLE}, /* nobody watches its init yet */
                [LIFE_DELETE] = {LIFE_ABORTING, LIFE_ABORT},
                [LIFE_LATE] = {LIFE_STARTING, LIFE_IMPOSSIBLE},
                [LIFE_USE] = {LIFE_STARTING, LIFE_REFUSE},
            },
        [LIFE_ABORTING] =
            {
                [LIFE_JOB_OK] = {LIFE_KILLING, LIFE_ADOPT_AND_KILL}, /* it was quicker than the signal */
                [LIFE_JOB_FAILED] = {LIFE_REMOVING, LIFE_REMOVE},
                [LIFE_ENDED] = {LIFE_ABORTING, LIFE_IMPOSSIBLE},
                [LIFE_DELETE] = {LIFE_ABORTING, LIFE_WAIT},
                [LIFE_LATE] = {LIFE_ABORTING, LIFE_IMPOSSIBLE},
                [LIFE_USE] = {LIFE_ABORTING, LIFE_REFUSE},
            },
        [LIFE_RUNNING] =
            {
                [LIFE_JOB_OK] = {LIFE_RUNNING, LIFE_IMPOSSIBLE},
                [LIFE_JOB_FAILED] = {LIFE_RUNNING, LIFE_IMPOSSIBLE},
                [LIFE_ENDED] = {LIFE_EXITED, LIFE_RECORD},
                [LIFE_DELETE] = {LIFE_KILLING, LIFE_KILL},
                [LIFE_LATE] = {LIFE_RUNNING, LIFE_IMPOSSIBLE},
                [LIFE_USE] = {LIFE_RUNNING, LIFE_ALLOW},
            },
        [LIFE_KILLING] =
            {
                [LIFE_JOB_OK] = {LIFE_KILLING, LIFE_IMPOSSIBLE},
                [LIFE_JOB_FAILED] = {LIFE_KILLING, LIFE_IMPOSSIBLE},
                [LIFE_ENDED] = {LIFE_REMOVING, LIFE_RECORD_AND_REMOVE},
                [LIFE_DELETE] = {LIFE_KILLING, LIFE_KILL},
                [LIFE_LATE] = {LIFE_KILLING, LIFE_FAIL},
                [LIFE_USE] = {LIFE_KILLING, LIFE_REFUSE},
            },
        [LIFE_EXITED] =
            {
                [LIFE_JOB_OK] = {LIFE_EXITED, LIFE_IMPOSSIBLE},
                [LIFE_JOB_FAILED] = {LIFE_EXITED, LIFE_IMPOSSIBLE},
                [LIFE_ENDED] = {LIFE_EXITED, LIFE_IMPOSSIBLE},
                [LIFE_DELETE] = {LIFE_REMOVING, LIFE_REMOVE},
                [LIFE_LATE] = {LIFE_EXITED, LIFE_IMPOSSIBLE},
                [LIFE_USE] = {LIFE_EXITED, LIFE_REFUSE},
            },
        [LIFE_REMOVING] =
            {
                [LIFE_JOB_OK] = {LIFE_CLEANING, LIFE_CLEAN},
                [LIFE_JOB_FAILED] = {LIFE_EXITED, LIFE_FAIL},
                [LIFE_ENDED] = {LIFE_REMOVING, LIFE_IMPOSSIBLE},
                [LIFE_DELETE] = {LIFE_REMOVING, LIFE_WAIT},
                [LIFE_LATE] = {LIFE_REMOVING, LIFE_IMPOSSIBLE},
                [LIFE_USE] = {LIFE_REMOVING, LIFE_REFUSE},
            },
        [LIFE_CLEANING] =
            {
                [LIFE_JOB_OK] = {LIFE_GONE, LIFE_FORGET},
                [LIFE_JOB_FAILED] = {LIFE_EXITED, LIFE_FAIL},
                [LIFE_ENDED] = {LIFE_CLEANING, LIFE_IMPOSSIBLE},
                [LIFE_DELETE] = {LIFE_CLEANING, LIFE_WAIT},
                [LIFE_LATE] = {LIFE_CLEANING, LIFE_IMPOSSIBLE},
                [LIFE_USE] = {LIFE_CLEANING, LIFE_REFUSE},
            },
        [LIFE_GONE] =
            {
                [LIFE_JOB_OK] = {LIFE_GONE, LIFE_IMPOSSIBLE},
                [LIFE_JOB_FAILED] = {LIFE_GONE, LIFE_IMPOSSIBLE},
                [LIFE_ENDED] = {LIFE_GONE, LIFE_IMPOSSIBLE},
                [LIFE_DELETE] = {LIFE_GONE, LIFE_IMPOSSIBLE},
                [LIFE_LATE] = {LIFE_GONE, LIFE_IMPOSSIBLE},
                [LIFE_USE] = {LIFE_GONE, LIFE_IMPOSSIBLE},
            },
};

struct life_step life_next(enum life_state state, enum life_event event)
{
    return table[state][event];
}

const char *life_status(enum life_state state)
{
    static const char *const names[LIFE_STATES] = {
        "starting", "deleting", "running", "deleting", "exited", "deleting", "deleting", "deleting"};
    return names[state];
}

struct err *life_refusal(enum life_state state)
{
    const char *now = state == LIFE_STARTING ? "starting" : state == LIFE_EXITED ? "exited" : "being deleted";
    return err_new(ERR_CONFLICT, "it is not running: %s", now);
}

/* Exponential back-off, see backoff.h. A negative delay stands for "the free failure was used". */
#include "kubelet/backoff.h"

const struct backoff_rule backoff_crash = {10000, 300000, 600000, 1};
const struct backoff_rule backoff_pull = {10000, 300000, 0, 0};
const struct backoff_rule backoff_setup = {500, 122000, 0, 0};
const struct backoff_rule backoff_config = {2000, 16000, 0, 0};

int64_t backoff_next(struct backoff *b, const struct backoff_rule *r, int64_t good_ms)
{
    if (r->forget_ms && good_ms >= r->forget_ms)
        backoff_reset(b);
    if (b->delay_ms == 0 && r->free) {
        b->delay_ms = -1;
        return 0;
    }
    if (b->delay_ms <= 0)
        b->delay_ms = r->first_ms;
    else
        b->delay_ms = b->delay_ms * 2 > r->max_ms ? r->max_ms : b->delay_ms * 2;
    return b->delay_ms;
}

void backoff_reset(struct backoff *b)
{
    b->delay_ms = 0;
}

/* Exponential back-off as a value: no clock, no timer. Times are milliseconds of clock_mono_ms(). */
#ifndef WHERRY_KUBELET_BACKOFF_H
#define WHERRY_KUBELET_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t delay_ms; /* of the last failure; 0: none yet */
};
struct backoff_rule {
    int64_t first_ms, max_ms;
    int64_t forget_ms; /* a success so long resets it; 0: never by itself */
    int64_t free;      /* 1: the first failure costs no delay */
};
/* A crash loop: at once, then 10, 20, 40 ... 300 s; forgotten after ten good minutes. */
extern const struct backoff_rule backoff_crash;
/* A pull: 10, 20 ... 300 s. */
extern const struct backoff_rule backoff_pull;
/* Volumes and sandboxes: 0.5, 1, 2 ... 122 s, besides being tried when something changes. */
extern const struct backoff_rule backoff_setup;
/* A configuration that names what is not there: 2, 4, 8, 16 s. */
extern const struct backoff_rule backoff_config;

/* Notes a failure after `good_ms` of success; returns the delay before the next try. */
int64_t backoff_next(struct backoff *b, const struct backoff_rule *r, int64_t good_ms);
void backoff_reset(struct backoff *b);

#endif

/* The shim's state as others see it: the answer to "state" and shim.json. */
#ifndef WHERRY_SHIM_STATE_H
#define WHERRY_SHIM_STATE_H

#include "lib/json.h"

struct shim;
void state_members(const struct shim *s, struct json_out *o); /* of struct shim_state, into an open object */
/* shim.json, whole or not at all. Not synced: a reboot ends what it describes. */
struct err *state_save(const struct shim *s) __attribute__((warn_unused_result));
struct err *state_own_start_time(int64_t *ret) __attribute__((warn_unused_result));

#endif

/* Which kind goes which way. */
#include "master/strategy.h"

const struct strategy strategies[KIND_N] = {
    [KIND_NAMESPACE] = {0},
};

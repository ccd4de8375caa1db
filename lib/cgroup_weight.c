/* See cgroup.h: v1's shares as v2's weight. */
#include "lib/cgroup.h"
#include <math.h>

#define SHARES_MIN 2
#define SHARES_MAX 262144
#define WEIGHT_MAX 10000

int64_t cgroup_weight(int64_t shares)
{
    if (shares <= 0)
        return 0;
    if (shares <= SHARES_MIN)
        return 1;
    if (shares >= SHARES_MAX)
        return WEIGHT_MAX;
    /* in the logarithms a parabola through (2, 1), (1024, 100) and (262144, 10000) */
    double l = log2((double)shares);
    return (int64_t)ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
}

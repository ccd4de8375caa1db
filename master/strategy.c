/* Which kind goes which way. */
#include "master/strategy.h"

static const struct strategy plain; /* nothing beyond what every kind has */

const struct strategy *const strategies[KIND_N] = {
    [KIND_NAMESPACE] = &namespace_strategy,
    [KIND_NODE] = &node_strategy,
    [KIND_POD] = &pod_strategy,
    [KIND_REPLICATION_CONTROLLER] = &rc_strategy,
    [KIND_SERVICE] = &service_strategy,
    [KIND_ENDPOINTS] = &endpoints_strategy,
    [KIND_ENDPOINT_SLICE] = &endpoint_slice_strategy,
    [KIND_CONFIG_MAP] = &config_map_strategy,
    [KIND_SECRET] = &secret_strategy,
    [KIND_SERVICE_ACCOUNT] = &plain,
    [KIND_EVENT] = &event_strategy,
    [KIND_LEASE] = &lease_strategy,
};

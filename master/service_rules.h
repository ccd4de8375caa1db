/* Which Services are valid. */
#ifndef WHERRY_MASTER_SERVICE_RULES_H
#define WHERRY_MASTER_SERVICE_RULES_H

#include "master/strategy.h"

bool service_has_node_ports(const struct json *spec);
void service_validate(struct admission *x, struct json *svc);
void service_validate_update(struct admission *x, struct json *svc, const struct json *old);

#endif

/* The row of a Pod: what its containers are doing, in a word. */
#ifndef WHERRY_MASTER_TABLE_POD_H
#define WHERRY_MASTER_TABLE_POD_H

#include "lib/json.h"

void table_pod_cells(struct json_out *o, struct arena *a, const struct json *pod);
void table_age(struct json_out *o, const char *when); /* table_kinds.c */

#endif

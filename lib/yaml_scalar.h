/* What an unquoted YAML scalar means: internal to yaml.c and yaml_write.c. */
#ifndef WHERRY_YAML_SCALAR_H
#define WHERRY_YAML_SCALAR_H

#include "lib/json.h"

enum yaml_scalar { YAML_STRING, YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_NO_JSON, YAML_MERGE };

/* What `text` reads as without quotes. For a number *ret_number (arena a) is its JSON text, for a boolean
 * *ret_bool. YAML_NO_JSON: .inf, .nan. */
enum yaml_scalar yaml_scalar_read(struct arena *a, const char *text, const char **ret_number, bool *ret_bool);
/* Whether a string must be quoted, lest it read as something else (also to readers of YAML 1.1: 12:30:45). */
bool yaml_scalar_needs_quotes(const char *text);

#endif

/*
 * resource.Quantity: "100m", "1.5", "64Mi", "1e3", "2k". Kept in thousandths, rounded up where it is finer
 * (as Kubernetes rounds), which holds up to 9.2e15 units: 8 PiB of memory. Beyond is ERR_INVALID.
 */
#ifndef WHERRY_API_QUANTITY_H
#define WHERRY_API_QUANTITY_H

#include "lib/err.h"
#include "lib/fields.h"
#include <stdbool.h>
#include <stdint.h>

struct quantity {
    int64_t milli;
    enum quantity_format { QUANTITY_DECIMAL_SI, QUANTITY_BINARY_SI, QUANTITY_DECIMAL_EXPONENT } format;
};
/* "quantities must match the regular expression ..." names the text. */
struct err *quantity_parse(const char *text, struct quantity *ret) __attribute__((warn_unused_result));
bool quantity_is_valid(const char *text);
/* Whole units, rounded up (bytes, Pods, cores); thousandths (cpu). fallback where text is NULL or no
 * quantity. */
int64_t quantity_units(const char *text, int64_t fallback);
int64_t quantity_millis(const char *text, int64_t fallback);
/* The same of one entry of a resource list. */
int64_t quantity_units_of(const struct str_map *m, const char *name, int64_t fallback);
int64_t quantity_millis_of(const struct str_map *m, const char *name, int64_t fallback);

/* The canonical text, as the API server writes it: no fraction, the largest suffix that keeps it whole. */
#define QUANTITY_TEXT 32
void quantity_text(const struct quantity *q, char text[QUANTITY_TEXT]);

#endif

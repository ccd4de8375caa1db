/* Reading pins (lib/api/image.h): who makes and removes them is the kubelet, and mount for a person. */
#ifndef WHERRY_IMAGES_PINS_H
#define WHERRY_IMAGES_PINS_H

#include "images/store.h"
#include "lib/fields.h"
#include "lib/mem.h"

/* Names and image ids of all pins. Under the lock. */
struct err *pins_read(struct arena *a, const struct store *s, struct str_map *ret)
    __attribute__((warn_unused_result));
const char *pins_of(
    const struct str_map *pins, const char *image_id); /* a pin's name, NULL where there is none */

#endif

/* An image of the index as an image line: its config read and checked, its layers' folders. */
#ifndef WHERRY_IMAGES_DESCRIBE_H
#define WHERRY_IMAGES_DESCRIBE_H

#include "images/index.h"
#include "lib/api/image.h"

struct err *describe_image(struct arena *a, const struct store *s, const struct index_image *i,
    struct image *ret) __attribute__((warn_unused_result));
/* The chain ids of its layers, bottom first. */
struct err *describe_chains(struct arena *a, const struct store *s, const struct index_image *i,
    struct str_list *ret) __attribute__((warn_unused_result));
/* After load and pull: the line of what is in the store now. */
struct err *describe_and_report(const struct store *s, const char *id) __attribute__((warn_unused_result));

#endif

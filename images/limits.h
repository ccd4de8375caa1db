/* Ceilings for what strangers wrote. main.c gives the defaults; --max-layer-bytes and --max-entries change
 * two. */
#ifndef WHERRY_IMAGES_LIMITS_H
#define WHERRY_IMAGES_LIMITS_H

#include <stdint.h>

struct limits {
    uint64_t layer_bytes;   /* of one layer, decompressed */
    uint64_t layer_entries; /* tar entries of one layer */
    uint64_t ratio;         /* decompressed : compressed, once a layer is larger than ratio_from */
    uint64_t ratio_from;
    uint64_t stall_ms; /* no byte, no progress for so long: give up */
};

#define LIMITS_DEFAULT                                                                                       \
    ((struct limits){.layer_bytes = 64ULL << 30,                                                             \
        .layer_entries = 4000000,                                                                            \
        .ratio = 250,                                                                                        \
        .ratio_from = 1ULL << 30,                                                                            \
        .stall_ms = 120000})

#define LIMITS_DOCUMENT (4U << 20) /* bytes of a manifest, an index, a config */
#define LIMITS_DEPTH 64            /* of JSON */
#define LIMITS_LAYERS 256          /* of an image */
#define LIMITS_PATH 4096           /* bytes of a name in a layer, as the kernel has it */

#endif

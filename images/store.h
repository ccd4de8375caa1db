/*
 * The folder of the store, and who may change what in it.
 *
 *   ROOT/index.json          the images: an OCI image index with annotations of ours (index.h)
 *   ROOT/blobs/sha256/HEX    manifests and configs, as they came. Layers as they were downloaded are not kept:
 *                            nothing here pushes or exports, and they are 30-50 % of an image's disk
 *   ROOT/layers/HEX/         one layer, unpacked, by its chain id; immutable once it is here
 *   ROOT/layers/HEX.json     its bytes and entries
 *   ROOT/pins/NAME           lib/api/image.h
 *   ROOT/tmp/JOB/            what a running command has not finished. The command holds a flock on the folder:
 *                            one that can be locked belongs to a dead command and is removed by the next
 *   ROOT/lock                flock, held for moments: reading or changing the index, making and claiming
 *
 * Everything is made below tmp/, synced, and renamed to its place under the lock; what is removed is renamed
 * into tmp/ under the lock and deleted after. A command claims a layer (tmp/JOB/claims/HEX) before it builds
 * on it: nobody removes a claimed layer.
 */
#ifndef WHERRY_IMAGES_STORE_H
#define WHERRY_IMAGES_STORE_H

#include "images/digest.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>

struct store {
    char *path; /* absolute, without symlinks */
    int root;
};
/* make: the folder and what belongs into it are made. Without: ERR_NOT_FOUND where there is none. */
struct err *store_open(const char *path, bool make, struct store **ret) __attribute__((warn_unused_result));
void store_close(struct store *s);
struct err *store_lock(const struct store *s, int *ret_fd) __attribute__((warn_unused_result));

/* A manifest or config, checked against its digest. ERR_NOT_FOUND; ERR_INVALID where it is not what it was.
 */
struct err *store_read_blob(const struct store *s, const char *digest, char **ret, size_t *ret_len)
    __attribute__((warn_unused_result));
/* Under the lock. */
struct err *store_write_blob(const struct store *s, const char *digest, const void *data, size_t n)
    __attribute__((warn_unused_result));

struct store_layer {
    int64_t bytes, entries;
};
bool store_has_layer(const struct store *s, const char *chain);
struct err *store_open_layer(const struct store *s, const char *chain, int *ret_fd)
    __attribute__((warn_unused_result));
struct store_layer store_layer_size(const struct store *s, const char *chain); /* zeros where unknown */

/* --- jobs --- */
struct job {
    const struct store *store;
    char *name;
    int dir;
    unsigned next; /* of job_trash() */
};
/* Removes what dead jobs left, too. */
struct err *job_new(const struct store *s, struct job **ret) __attribute__((warn_unused_result));
void job_free(struct job *j); /* removes its folder */
/* *ret_have: the layer is in the store and stays there as long as the job lives. */
struct err *job_claim(struct job *j, const char *chain, bool *ret_have) __attribute__((warn_unused_result));
/* Is the layer claimed by a living job other than j? Under the lock. */
bool job_is_claimed(const struct job *j, const char *chain);
/* An empty folder for a layer; its size, once it is complete; then all of them to their places (under the
 * lock, after job_sync()). A layer that somebody else has put there meanwhile is as good. */
struct err *job_make_layer(struct job *j, const char *chain, int *ret_fd) __attribute__((warn_unused_result));
struct err *job_note_layer(struct job *j, const char *chain, const struct store_layer *size)
    __attribute__((warn_unused_result));
struct err *job_sync(struct job *j) __attribute__((warn_unused_result));
struct err *job_publish_layer(struct job *j, const char *chain) __attribute__((warn_unused_result));
/* Moves a file or folder of the store out of the way; job_free() deletes it. Under the lock; absent is
 * success. */
struct err *job_trash(struct job *j, const char *path) __attribute__((warn_unused_result));

void store_cleanup(struct store **s);
void job_cleanup(struct job **j);
#define auto_store __attribute__((cleanup(store_cleanup))) struct store
#define auto_job __attribute__((cleanup(job_cleanup))) struct job

#endif

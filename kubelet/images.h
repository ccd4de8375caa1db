/*
 * Images by reference, through wherry-images with a deadline: what was inspected once is kept until the image
 * store changes (inotify on its index). Several containers that want the same reference share one program
 * run.
 */
#ifndef WHERRY_KUBELET_IMAGES_H
#define WHERRY_KUBELET_IMAGES_H

#include "kubelet/kubelet.h"
#include "lib/api/image.h"

struct images *images_new(struct kubelet *k);
void images_free(struct images *s);

/* An image that somebody holds. Its layers may be mounted; a pin (lib/api/image.h) keeps them on disk. */
struct held_image {
    unsigned holders;
    struct arena *arena;
    struct image image;
    char *ref;                       /* normalised */
    struct image_accounts *accounts; /* accounts.c: its passwd and group, read once */
};
struct held_image *images_hold(struct held_image *i);
void images_release(struct held_image *i); /* NULL is fine */

enum image_outcome {
    IMAGE_PRESENT,     /* it was there */
    IMAGE_PULLED,      /* now it is: *millis tell how long it took */
    IMAGE_BAD_NAME,    /* InvalidImageName */
    IMAGE_NEVER,       /* ErrImageNeverPull */
    IMAGE_PULL_FAILED, /* ErrImagePull */
    IMAGE_INSPECT_FAILED
};
struct image_wait;
struct image_want {
    const char *ref, *policy; /* policy NULL: Always for :latest, else IfNotPresent */
    const char *auth_file;    /* NULL: none */
    void (*pulling)(void *arg);
    /* Called once, maybe before images_want() returns. image is held for the callee when it is not NULL. */
    void (*done)(
        void *arg, enum image_outcome outcome, struct held_image *image, int64_t millis, const char *message);
    void *arg;
};
/* NULL: done() was called already. */
struct image_wait *images_want(struct images *s, const struct image_want *want);
void images_cancel(struct image_wait *w); /* done() will not be called; NULL is fine */
const char *images_policy(const char *ref, const char *policy);

/* Every image of the store, for Node.status.images: fn once per `list` line, then done. */
void images_changed(struct images *s); /* forget what is kept */

#endif

/* What the extract_*.c files share. */
#ifndef WHERRY_IMAGES_EXTRACT_PARTS_H
#define WHERRY_IMAGES_EXTRACT_PARTS_H

#include "images/extract.h"
#include "images/merge.h"
#include "images/path.h"

struct extract_time {
    char *path;
    struct timespec mtime;
};

struct extract {
    struct merge merge; /* .n is 0 once the root is opaque */
    size_t n_lower;     /* what it was */
    struct limits limits;
    uint64_t bytes;
    bool root_seen, root_opaque;
    struct { /* the folder of the last entry: the next one is most often there, too */
        char name[LIMITS_PATH], canonical[LIMITS_PATH];
        int fd; /* -1: none */
    } last;
    struct extract_time *times; /* of folders, set at the end: every entry changes its folder's */
    size_t n_times, cap_times;
};

/* extract_folder.c */
/* The folder of that name, made where it is missing; the descriptor is x's, valid until the next call.
 * ret_canonical (may be NULL): its name without symlinks. */
struct err *extract_folder(struct extract *x, const char *name, int *ret_fd, const char **ret_canonical)
    __attribute__((warn_unused_result));
/* The name of a folder without symlinks, nothing made; parts that do not exist stay as they are. */
struct err *extract_resolve(struct extract *x, const char *name, char canonical[LIMITS_PATH])
    __attribute__((warn_unused_result));
void extract_forget_folder(struct extract *x); /* a folder may have gone: the last one is looked up again */
struct err *extract_set_opaque(int fd, const char *name) __attribute__((warn_unused_result));

/* extract_attr.c */
struct err *extract_check_owner(const struct tar_entry *e) __attribute__((warn_unused_result));
/* Owner, mode, attributes of an open file or folder; for a file the time as well. */
struct err *extract_attr(struct extract *x, struct tar *t, const struct tar_entry *e, int fd)
    __attribute__((warn_unused_result));
/* Owner and time of what is not to be opened: symlinks, devices. */
struct err *extract_attr_at(const struct tar_entry *e, int dirfd, const char *base)
    __attribute__((warn_unused_result));
/* The same from a file of a lower layer; no time. */
struct err *extract_attr_copy(int from, int to, const char *name) __attribute__((warn_unused_result));
void extract_time_later(struct extract *x, const char *path, struct timespec mtime);
struct err *extract_times(struct extract *x) __attribute__((warn_unused_result));

/* extract_link.c */
struct err *extract_hardlink(struct extract *x, const struct tar_entry *e, const char *path)
    __attribute__((warn_unused_result));

/* extract.c */
/* Removes whatever has that name in the folder, which x->last then no longer is (its fd is -1). */
struct err *extract_clear(struct extract *x, int dirfd, const char *base, const char *name)
    __attribute__((warn_unused_result));
struct err *extract_count(struct extract *x, const char *name, int64_t size)
    __attribute__((warn_unused_result));

#endif

/*
 * Memory and ownership. Out of memory aborts: nothing here returns NULL. Small objects with a life of
 * their own come from malloc through mem_*(); everything that is read together and dropped together (a
 * JSON tree, an API object) lives in one arena.
 */
#ifndef WHERRY_MEM_H
#define WHERRY_MEM_H

#include <stdarg.h>
#include <stddef.h>

void *mem_zalloc(size_t size);                     /* zeroed; free() it */
void *mem_array(size_t n, size_t size);            /* zeroed, checked for overflow */
void *mem_realloc(void *p, size_t n, size_t size); /* n * size, checked; the new part is not zeroed */
char *mem_strdup(const char *s);                   /* NULL stays NULL */
char *mem_strndup(const char *s, size_t n);
void *mem_dup(const void *p, size_t n);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define mem_new(type) ((type *)mem_zalloc(sizeof(type)))

/* A bump allocator: allocations are released together. Pointers stay valid until arena_free(). */
struct arena;
struct arena *arena_new(void);
/* One whose first block has this many bytes: for a program that knows about how much it will need. */
struct arena *arena_new_sized(size_t first);
void arena_free(struct arena *a);                /* accepts NULL */
void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned for any type */
void *arena_array(struct arena *a, size_t n, size_t size);
char *arena_strdup(struct arena *a, const char *s); /* NULL stays NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_bytes(const struct arena *a); /* what it holds, for limits and metrics */

#define arena_new_obj(a, type) ((type *)arena_alloc((a), sizeof(type)))

/* Ownership at the declaration. */
void mem_cleanup(void *p);
void arena_cleanup(struct arena **a);
void fd_cleanup(int *fd);
void file_cleanup(void *f);
void dir_cleanup(void *d);
#define auto_free __attribute__((cleanup(mem_cleanup)))
#define auto_arena __attribute__((cleanup(arena_cleanup))) struct arena
#define auto_close __attribute__((cleanup(fd_cleanup))) int /* closes when >= 0; keeps errno */
#define auto_fclose __attribute__((cleanup(file_cleanup))) FILE
#define auto_closedir __attribute__((cleanup(dir_cleanup))) DIR

/* Moves ownership out of a variable that would release it. */
#define take_ptr(p)                                                                                          \
    ({                                                                                                       \
        __auto_type take_ = (p);                                                                             \
        (p) = NULL;                                                                                          \
        take_;                                                                                               \
    })
#define take_fd(fd)                                                                                          \
    ({                                                                                                       \
        int take_ = (fd);                                                                                    \
        (fd) = -1;                                                                                           \
        take_;                                                                                               \
    })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif

/*
 * A hash table from bytes (a copy is kept) to pointers. For tables of one program's own making: the hash is
 * fast, not keyed, so keys that a stranger could choose to collide are to be limited in number by the caller.
 */
#ifndef WHERRY_MAP_H
#define WHERRY_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;
struct map *map_new(void);
void map_free(struct map *m); /* not the values; NULL is fine */
size_t map_count(const struct map *m);

void *map_get(const struct map *m, const void *key, size_t len); /* NULL where absent */
/* Sets the value (not NULL); returns the one that was there, or NULL. */
void *map_put(struct map *m, const void *key, size_t len, void *value);
void *map_remove(struct map *m, const void *key, size_t len); /* the value that was there, or NULL */

/* In no particular order. begin with *at = 0; false at the end. Removing the entry just given is allowed,
 * putting is not. */
bool map_next(const struct map *m, size_t *at, const void **ret_key, size_t *ret_len, void **ret_value);

/* The same with a string as the key, without its NUL. */
void *map_gets(const struct map *m, const char *key);
void *map_puts(struct map *m, const char *key, void *value);
void *map_removes(struct map *m, const char *key);

#endif

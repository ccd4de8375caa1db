/* Users of an image, see accounts.h. */
#include "kubelet/accounts.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { ACCOUNTS_MAX = 1 << 20 };

struct image_accounts {
    char *passwd, *group; /* NULL: the image has none */
};

void accounts_free(struct image_accounts *a)
{
    if (!a)
        return;
    free(a->passwd);
    free(a->group);
    free(a);
}

/* --- reading them out of the layers --- */

/* Is the folder of this layer opaque: does it hide what lower layers have there? */
static bool is_opaque(int root, const char *folder)
{
    char value[4];
    int fd;
    struct err *e = file_open_in_root(root, folder, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, &fd);
    if (e) {
        err_free(e);
        return false;
    }
    ssize_t n = fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value));
    close(fd);
    return n == 1 && value[0] == 'y';
}

enum found { FOUND_NOT, FOUND_FILE, FOUND_HIDDEN };

/* etc/NAME of one layer. A whiteout (character device 0/0) hides it in those below; what is neither a regular
 * file nor a link to one inside this layer is as good as none. */
static struct err *read_in_layer(const char *layer, const char *path, char **ret, enum found *ret_found)
{
    struct stat st;
    int fd;
    auto_close root = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *ret_found = FOUND_NOT;
    if (root < 0)
        return err_sys(errno, "open %s", layer);
    struct err *e = file_open_in_root(root, path, O_PATH, 0, &fd);
    if (e) {
        *ret_found = is_opaque(root, "etc") ? FOUND_HIDDEN : FOUND_NOT;
        err_free(e);
        return NULL;
    }
    bool stats = fstat(fd, &st) == 0;
    close(fd);
    if (!stats || !S_ISREG(st.st_mode)) {
        *ret_found = FOUND_HIDDEN;
        return NULL;
    }
    TRY(file_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd));
    e = file_read_fd(fd, ACCOUNTS_MAX, ret, NULL);
    close(fd);
    *ret_found = FOUND_FILE;
    return err_wrap(e, "the image's %s", path);
}

/* The topmost one; NULL where there is none. */
static struct err *read_in_image(const struct image *image, const char *path, char **ret)
{
    enum found found = FOUND_NOT;
    *ret = NULL;
    for (size_t i = image->layers.n; i-- > 0 && found == FOUND_NOT;)
        TRY(read_in_layer(image->layers.v[i], path, ret, &found));
    return NULL;
}

static struct err *accounts_load(struct held_image *i)
{
    if (i->accounts)
        return NULL;
    struct image_accounts *a = mem_new(struct image_accounts);
    struct err *e = read_in_image(&i->image, "etc/passwd", &a->passwd);
    if (!e)
        e = read_in_image(&i->image, "etc/group", &a->group);
    if (e)
        accounts_free(a);
    else
        i->accounts = a;
    return e;
}

/* --- the texts --- */

enum { FIELDS_MAX = 7 };

/* The next line's fields, split at ':'; NULL at the end. Lines with fewer than `least` fields are skipped. */
static const char *next_entry(struct arena *a, const char *text, int least, const char *fields[FIELDS_MAX])
{
    while (text && *text) {
        const char *nl = strchrnul(text, '\n');
        char *line = arena_strndup(a, text, (size_t)(nl - text));
        int n = 0;
        for (char *p = line; p && n < FIELDS_MAX; n++) {
            fields[n] = p;
            p = strchr(p, ':');
            if (p)
                *p++ = '\0';
        }
        text = *nl ? nl + 1 : nl;
        for (int i = n; i < FIELDS_MAX; i++)
            fields[i] = "";
        if (n >= least)
            return text;
    }
    return NULL;
}

/* Digits only, in the range of an id. */
static bool id_of(const char *s, int64_t *ret)
{
    int64_t v = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > 2147483647)
            return false;
        v = v * 10 + (*s - '0');
    }
    *ret = v;
    return v <= 2147483647;
}

/* Does it look like a number, in range or not? Such a thing is never a name. */
static bool is_numeric(const char *s)
{
    if (*s == '+' || *s == '-')
        s++;
    return *s >= '0' && *s <= '9' && s[strspn(s, "0123456789")] == '\0';
}

static struct err *find_user(
    struct arena *a, const char *passwd, const char *user, struct account_user *u, const char **ret_name)
{
    const char *f[FIELDS_MAX], *p = passwd;
    int64_t want = -1, uid, gid;
    bool number = id_of(user, &want);
    if (!number && is_numeric(user))
        return err_new(ERR_INVALID, "the image's user \"%s\" is out of range", user);
    u->by_name = !number;
    while ((p = next_entry(a, p, 4, f))) {
        if (!id_of(f[2], &uid) || !id_of(f[3], &gid))
            continue;
        if (number ? uid != want : strcmp(f[0], user) != 0)
            continue;
        *u = (struct account_user){.uid = uid, .gid = gid, .home = f[5], .by_name = !number};
        *ret_name = f[0];
        return NULL;
    }
    if (!number)
        return err_new(ERR_NOT_FOUND, "unable to find user %s: no matching entries in passwd file", user);
    u->uid = want;
    u->gid = 0;
    return NULL;
}

static struct err *find_group(struct arena *a, const char *group, const char *name, int64_t *ret)
{
    const char *f[FIELDS_MAX], *p = group;
    int64_t gid;
    if (id_of(name, ret))
        return NULL;
    if (is_numeric(name))
        return err_new(ERR_INVALID, "the image's group \"%s\" is out of range", name);
    while ((p = next_entry(a, p, 3, f)))
        if (strcmp(f[0], name) == 0 && id_of(f[2], &gid)) {
            *ret = gid;
            return NULL;
        }
    return err_new(ERR_NOT_FOUND, "unable to find group %s: no matching entries in group file", name);
}

static bool is_member(const char *members, const char *name)
{
    size_t n = strlen(name);
    while (*members) {
        size_t m = strcspn(members, ",");
        if (m == n && strncmp(members, name, n) == 0)
            return true;
        members += m + (members[m] == ',');
    }
    return false;
}

static void find_groups(struct arena *a, const char *group, const char *name, struct account_user *u)
{
    const char *f[FIELDS_MAX], *p = group;
    int64_t gids[256], gid;
    size_t n = 0;
    while ((p = next_entry(a, p, 4, f)) && n < ARRAY_SIZE(gids))
        if (is_member(f[3], name) && id_of(f[2], &gid))
            gids[n++] = gid;
    u->groups.v = arena_array(a, n + 1, sizeof(int64_t));
    u->groups.n = n;
    memcpy(u->groups.v, gids, n * sizeof(int64_t));
}

struct err *accounts_resolve_text(struct arena *a, const char *passwd, const char *group, const char *spec,
    struct opt_int uid, struct opt_int gid, struct account_user *ret)
{
    const char *colon = strchr(spec, ':'), *name = NULL;
    const char *user = colon ? arena_strndup(a, spec, (size_t)(colon - spec)) : spec;
    struct account_user u = {0};
    if (uid.set)
        user = arena_printf(a, "%lld", (long long)uid.v);
    TRY(find_user(a, passwd, *user ? user : "0", &u, &name));
    if (uid.set || !*user)
        u.by_name = false;
    if (colon && colon[1] && !uid.set)
        TRY(find_group(a, group, colon + 1, &u.gid));
    if (name)
        find_groups(a, group, name, &u);
    if (gid.set)
        u.gid = gid.v;
    *ret = u;
    return NULL;
}

struct err *accounts_resolve(struct held_image *i, struct arena *a, const char *spec, struct opt_int uid,
    struct opt_int gid, struct account_user *ret)
{
    TRY(accounts_load(i));
    const struct image_accounts *x = i->accounts;
    return accounts_resolve_text(a, x ? x->passwd : NULL, x ? x->group : NULL, spec, uid, gid, ret);
}

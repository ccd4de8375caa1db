/* state.json and the kept filter, whatever a crash or a hand has left of them: read or refused; what was read
 * is written, read again, and is the same. */
#include "lib/file.h"
#include "runtime/record.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char root_path[] = "/tmp/wherry-fuzz.XXXXXX";
static int root, dir;

static void clean(void)
{
    err_free(file_remove_tree(AT_FDCWD, root_path));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (!mkdtemp(root_path) || (root = open(root_path, O_RDONLY | O_DIRECTORY)) < 0 ||
        mkdirat(root, "c", 0700) < 0 || (dir = openat(root, "c", O_RDONLY | O_DIRECTORY)) < 0)
        abort();
    atexit(clean);
    return 0;
}

static void put(const char *name, const uint8_t *data, size_t n)
{
    auto_err *e = file_write_atomic(dir, name, data, n, 0600, FILE_NO_FSYNC);
    if (e)
        abort();
}

static struct err *load(struct arena *a, struct record *ret, char **ret_text, size_t *ret_len)
{
    auto_close fd = -1;
    TRY(record_load(root, "c", a, &fd, ret));
    TRY(record_save(fd, ret));
    return file_read(fd, "state.json", 16 << 20, ret_text, ret_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    auto_arena *a = arena_new();
    struct record r;
    struct process_filter filter;
    auto_free char *first = NULL, *second = NULL;
    size_t n_first, n_second;
    put("seccomp", data, n);
    auto_err *f = record_load_filter(dir, a, &filter);
    put("state.json", data, n);
    auto_err *e = load(a, &r, &first, &n_first);
    if (e)
        return 0;
    auto_err *again = load(a, &r, &second, &n_second);
    if (again || n_first != n_second || memcmp(first, second, n_first) || strcmp(r.id, "c"))
        abort();
    auto_close pidfd = record_pidfd(&r);
    return 0;
}

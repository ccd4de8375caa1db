/* Paths in a rootfs that hold links of every kind: whatever is opened or made is below the root, by the
 * kernel's own word for where it is, and what lies beside the root stays as it was. Input: a path, then links
 * that a byte below 32 separates from it, each "name" and its text after a tab. */
#include "lib/file.h"
#include "lib/mem.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char top[] = "/tmp/wherry-fuzz.XXXXXX";
static int beside, root;

static void clean(void)
{
    err_free(file_remove_tree(AT_FDCWD, top));
}

static void fresh_root(void)
{
    auto_err *e = file_remove_tree(beside, "root");
    close(root);
    if (e || mkdirat(beside, "root", 0755) < 0 || (root = openat(beside, "root", O_PATH | O_DIRECTORY)) < 0)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (!mkdtemp(top) || (beside = open(top, O_RDONLY | O_DIRECTORY)) < 0)
        abort();
    fresh_root();
    atexit(clean);
    return 0;
}

static void check_is_below(int fd)
{
    char link[40], where[8192];
    auto_free char *want = mem_printf("%s/root", top);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, where, sizeof(where) - 1);
    where[len > 0 ? len : 0] = '\0';
    size_t n = strlen(want);
    if (len < 0 || strncmp(where, want, n) || (where[n] && where[n] != '/'))
        abort();
}

static void check_beside(void)
{
    DIR *d = fdopendir(openat(beside, ".", O_RDONLY | O_DIRECTORY));
    int entries = 0;
    while (d && readdir(d))
        entries++;
    if (!d || entries != 3)
        abort();
    closedir(d);
}

static void plant_links(char *text)
{
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *tab = strchr(line, '\t');
        if (!tab || tab == line)
            continue;
        *tab = '\0';
        if (strchr(line, '/') || !tab[1] || symlinkat(tab + 1, root, line) < 0)
            continue;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    auto_free char *text = mem_strndup((const char *)data, n);
    char *links = strchr(text, '\n');
    if (links)
        *links++ = '\0';
    fresh_root();
    if (links)
        plant_links(links);
    auto_close opened = -1;
    auto_close made = -1;
    auto_close file = -1;
    auto_close again = -1;
    auto_err *o = file_open_in_root(root, text, O_PATH, 0, &opened);
    if (!o)
        check_is_below(opened);
    auto_err *m = file_mkdirs_in_root(root, text, 0755, &made);
    if (!m)
        check_is_below(made);
    auto_err *f = file_open_in_root(root, text, O_WRONLY | O_CREAT | O_NONBLOCK, 0644, &file);
    if (!f)
        check_is_below(file);
    auto_err *b = file_open_beneath(root, text, O_PATH, 0, &again);
    if (!b)
        check_is_below(again);
    check_beside();
    return 0;
}

/* images/confine: what each role can no longer do. Every role in a child of its own. */
#include "images/confine.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/wherry-confine.XXXXXX", own[64], other[64];

static bool landlock_is_there(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 2;
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(own, sizeof own, "%s/own", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    return mkdir(own, 0700) || mkdir(other, 0700);
}

static int teardown(void **state)
{
    (void)state;
    char path[80];
    snprintf(path, sizeof path, "%s/f", own);
    unlink(path);
    rmdir(own);
    rmdir(other);
    return rmdir(folder);
}

static int try_write(const char *dir)
{
    char path[80];
    snprintf(path, sizeof path, "%s/f", dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    return fd < 0 ? errno : 0;
}

/* Runs fn in a child; its exit status says which step failed. */
static void in_child(int (*fn)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn());
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        fail_msg("step %d (wait status 0x%x)", WEXITSTATUS(status), (unsigned)status);
}

#define STEP(n, cond)                                                                                        \
    if (!(cond))                                                                                             \
    return (n)

static int boss(void)
{
    int root = open(own, O_RDONLY | O_DIRECTORY);
    STEP(1, !confine_start() && !confine_boss(root));
    STEP(2, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    STEP(3, try_write(own) == 0);
    STEP(4, !landlock_is_there() || try_write(other) == EACCES);
    STEP(5, open("/etc/passwd", O_RDONLY) >= 0);
    return 0;
}

static int fetcher(void)
{
    STEP(1, !confine_start() && !confine_fetcher());
    STEP(2, geteuid() != 0);
    STEP(3, try_write(own) == EACCES && try_write("/tmp") == (landlock_is_there() ? EACCES : 0));
    STEP(4, open("/etc/passwd", O_RDONLY) >= 0);
    STEP(5, socket(AF_INET, SOCK_STREAM, 0) >= 0);
    return 0;
}

static int unpacker(void)
{
    int root = open(own, O_RDONLY | O_DIRECTORY), at = open("/", O_RDONLY | O_DIRECTORY);
    STEP(1, !confine_start() && !confine_boss(root) && !confine_unpacker(root, root));
    STEP(2, try_write(own) == 0);
    STEP(3, !landlock_is_there() || (try_write(other) == EACCES && openat(at, "etc/passwd", O_RDONLY) < 0));
#if !defined(__SANITIZE_ADDRESS__)
    STEP(4, socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
    STEP(5, fork() < 0 && errno == EPERM);
    STEP(6, execl("/bin/true", "true", NULL) < 0 && errno == EPERM);
#endif
    return 0;
}

static void roles(void **state)
{
    (void)state;
    in_child(boss);
    in_child(fetcher);
    in_child(unpacker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(roles, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The walls: capabilities, Landlock, seccomp, by raw system calls. */
#include "images/confine.h"
#include "images/confine_seccomp.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define NOBODY 65534

#define BIT(cap) (1ULL << (cap))
#define UNPACK_CAPS                                                                                          \
    (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_MKNOD) |           \
        BIT(CAP_SETFCAP) | BIT(CAP_SYS_ADMIN))

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                               \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |        \
        LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |           \
        LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |        \
        LANDLOCK_ACCESS_FS_MAKE_SYM)

/* --- capabilities --- */

static struct err *keep_caps(uint64_t keep)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    if (syscall(SYS_capget, &h, d))
        return err_sys(errno, "capget");
    for (int i = 0; i < 2; i++) {
        d[i].permitted &= (uint32_t)(keep >> (32 * i));
        d[i].effective = d[i].permitted;
        d[i].inheritable = 0;
    }
    return syscall(SYS_capset, &h, d) ? err_sys(errno, "capset") : NULL;
}

/* --- Landlock --- */

static int landlock_abi(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static struct err *allow_below(int ruleset, int dirfd, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = dirfd};
    if (dirfd >= 0 && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
        return err_sys(errno, "Landlock rule");
    return NULL;
}

/* Everything in `deny` is denied but below the two folders (-1: none). The first ABI forbids renames between
 * folders altogether, which the store cannot do without. */
static struct err *landlock(uint64_t deny, int read_root, int write_root)
{
    int abi = landlock_abi();
    if (abi < 2)
        return NULL;
    uint64_t writes = WRITES | LANDLOCK_ACCESS_FS_REFER | (abi >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
    if (deny & WRITES)
        deny |= writes;
    struct landlock_ruleset_attr attr = {.handled_access_fs = deny};
    auto_close ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0)
        return err_sys(errno, "Landlock ruleset");
    TRY(allow_below(ruleset, read_root, READS & deny));
    TRY(allow_below(ruleset, write_root, (READS | writes) & deny));
    if (syscall(SYS_landlock_restrict_self, ruleset, 0))
        return err_sys(errno, "Landlock");
    return NULL;
}

/* --- the roles --- */

struct err *confine_start(void)
{
    const struct rlimit none = {0, 0};
    umask(077);
    if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
        return err_sys(errno, "confine");
    return NULL;
}

static struct err *no_new_privs(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? err_sys(errno, "no_new_privs") : NULL;
}

struct err *confine_boss(int root)
{
    TRY(no_new_privs());
    TRY(landlock(WRITES, -1, root));
    return keep_caps(UNPACK_CAPS | BIT(CAP_KILL)); /* the fetcher is another user's process */
}

static struct err *limit_memory(uint64_t bytes)
{
#if !defined(__SANITIZE_ADDRESS__)
    const struct rlimit l = {bytes, bytes};
    if (setrlimit(RLIMIT_DATA, &l))
        return err_sys(errno, "RLIMIT_DATA");
#else
    (void)bytes;
#endif
    return NULL;
}

struct err *confine_fetcher(void)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
        return err_sys(errno, "prctl");
    if (geteuid() == 0) {
        if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
            return err_sys(errno, "become nobody");
        /* A change of identity makes a process dumpable and forgets the parent-death signal. */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
            return err_sys(errno, "prctl");
    }
    TRY(no_new_privs());
    TRY(landlock(WRITES | LANDLOCK_ACCESS_FS_EXECUTE, -1, -1));
    TRY(keep_caps(0));
    return limit_memory(512ULL << 20);
}

struct err *confine_unpacker(int read_root, int write_root)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
        return err_sys(errno, "prctl");
    TRY(no_new_privs());
    TRY(landlock(READS | WRITES | LANDLOCK_ACCESS_FS_EXECUTE, read_root, write_root));
    TRY(keep_caps(UNPACK_CAPS));
    TRY(limit_memory(1ULL << 30));
    return confine_seccomp_unpacker();
}

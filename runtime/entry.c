/*
 * The program's first instructions (the linker's -e, see the Makefile), before libc's: for a verb that enters
 * a container the binary is executed again from a read-only mount (seal.h), and all that libc does until
 * main() would be done twice. On a virtual machine that is 0.15 ms, for libc asks the processor about its
 * caches a hundred times, and each answer is a trap.
 *
 * Nothing is ready here: no thread pointer, no relocations, no libc. Only code that stands in this file is
 * called, it is compiled without stack protector and without loops becoming calls (Makefile), and what fails
 * is left to seal_self(), which does the same again and tells the error. Where this file is empty (another
 * architecture, sanitizers) seal_self() does it alone.
 */
#include "runtime/seal.h"
#include <fcntl.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)

#define PAGE 4096L
#define HERE __attribute__((visibility("hidden"))) /* its address needs no relocation */

/* The stack is as the kernel made it, and must be when libc's own entry sees it. */
__asm__(".globl entry\n"
        ".type entry, @function\n"
        "entry:\n"
        "    mov %rsp, %rbx\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call entry_main\n"
        "    mov %rbx, %rsp\n"
        "    xor %edx, %edx\n" /* no function to call at exit */
        "    xor %ebp, %ebp\n"
        "    jmp _start\n");

static long call(long nr, long a, long b, long c, long d, long e)
{
    long ret;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return ret;
}

static int is(const char *s, const char *word)
{
    while (*s && *s == *word)
        s++, word++;
    return *s == *word;
}

/* Any argument counts: a needless seal costs little, and one that is missed is main's to make. */
static int enters(char **argv)
{
    for (; *argv; argv++)
        if (is(*argv, "run") || is(*argv, "exec") || is(*argv, "create") || is(*argv, "restore"))
            return 1;
    return 0;
}

static void populate(const char *from, const char *to, int advice)
{
    long first = (long)from & -PAGE, end = ((long)to + PAGE - 1) & -PAGE;
    call(SYS_madvise, first, end - first, advice, 0, 0);
}

/* All of the code, and what relocating writes to: two calls in place of twenty page faults. */
static void populate_all(void)
{
    extern const char __ehdr_start[] HERE, etext[] HERE, __init_array_start[] HERE, edata[] HERE;
    populate(__ehdr_start, etext, MADV_POPULATE_READ);
    populate(__init_array_start, edata, MADV_POPULATE_WRITE);
}

static void seal(char **argv, char **envp)
{
    static const char self[] = "/proc/self/exe";
    struct mount_attr a = {.attr_set = MOUNT_ATTR_RDONLY};
    /* EROFS says that it is done; another error leaves it to main's to find out */
    if (!enters(argv) || call(SYS_faccessat, AT_FDCWD, (long)self, W_OK, 0, 0) < 0)
        return;
    long tree = call(SYS_open_tree, AT_FDCWD, (long)self, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
    if (tree < 0 || call(SYS_mount_setattr, tree, (long)"", AT_EMPTY_PATH, (long)&a, sizeof(a)) < 0)
        return;
    long high = call(SYS_fcntl, tree, F_DUPFD, SEAL_FD, 0, 0);
    call(SYS_execveat, high < 0 ? tree : high, (long)"", (long)argv, (long)envp, AT_EMPTY_PATH);
}

__attribute__((used)) void entry_main(long *stack);
void entry_main(long *stack)
{
    char **argv = (char **)(stack + 1);
    seal(argv, argv + stack[0] + 1);
    populate_all();
}

#endif

/*
 * Exchanges two directory entries as fast as it can, for tests that race somebody who looks at them: swapper
 * A B. On the last processor; until SIGTERM, then it prints how often, and leaves them as it found them.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
    stop = sig;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    long last = sysconf(_SC_NPROCESSORS_ONLN) - 1, swaps = 0;
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET((size_t)last, &cpu);
    sched_setaffinity(0, sizeof(cpu), &cpu);
    signal(SIGTERM, on_term);
    for (; !stop; swaps++)
        if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0) {
            perror(argv[1]);
            return 1;
        }
    if (swaps % 2 && renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0)
        return 1;
    printf("%ld\n", swaps);
    return 0;
}

/* What glibc says of errors and signals, for musl. */
#ifndef WHERRY_RUNTIME_MUSL_STRING_H
#define WHERRY_RUNTIME_MUSL_STRING_H

#include_next <string.h>

const char *strerrordesc_np(int errnum);

static inline const char *sigabbrev_np(int sig)
{
    static const char names[][8] = {"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL",
        "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN",
        "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "POLL", "PWR", "SYS"};
    return sig > 0 && sig < 32 ? names[sig] : (const char *)0;
}

#endif

/* Small interpreters for the two kinds of programs that the runtime makes, for unit tests and fuzz targets:
 * only what our programs are made of; anything else ends the test, as does running off the end. */
#ifndef WHERRY_TESTS_PROGRAMS_H
#define WHERRY_TESTS_PROGRAMS_H

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void bad_program(const char *what, unsigned code, size_t pc)
{
    fprintf(stderr, "%s at %zu: %02x\n", what, pc, code);
    abort();
}

/* Classic BPF over struct seccomp_data: the verdict. Jumps go forward only, so it ends. */
static inline uint32_t seccomp_run(const struct sock_filter *v, size_t n, const struct seccomp_data *d)
{
    uint32_t acc = 0;
    for (size_t pc = 0; pc < n; pc++) {
        const struct sock_filter *i = &v[pc];
        bool taken;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (i->k > sizeof(*d) - sizeof(acc) || i->k % 4)
                bad_program("load", i->k, pc);
            memcpy(&acc, (const char *)d + i->k, sizeof(acc));
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            acc &= i->k;
            continue;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JEQ | BPF_K:
            taken = acc == i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            taken = acc > i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            taken = acc >= i->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            taken = acc & i->k;
            break;
        default:
            bad_program("instruction", i->code, pc);
            return 0;
        }
        pc += taken ? i->jt : i->jf;
    }
    bad_program("ran off the end", 0, n);
    return 0;
}

/* eBPF over struct bpf_cgroup_dev_ctx. */
static inline int device_run(const struct bpf_insn *v, size_t n, const uint32_t ctx[3])
{
    uint64_t r[11] = {0};
    for (size_t pc = 0; pc < n; pc++) {
        const struct bpf_insn *i = &v[pc];
        uint64_t imm = (uint64_t)(int64_t)i->imm;
        if (i->dst_reg > 10 || i->src_reg > 10 || i->off < 0)
            bad_program("operand", i->code, pc);
        switch (i->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            if (i->off % 4 || i->off > 8)
                bad_program("load", (unsigned)i->off, pc);
            r[i->dst_reg] = ctx[i->off / 4];
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            r[i->dst_reg] = (uint32_t)(r[i->dst_reg] & imm);
            break;
        case BPF_ALU | BPF_RSH | BPF_K:
            r[i->dst_reg] = (uint32_t)r[i->dst_reg] >> imm;
            break;
        case BPF_ALU | BPF_MOV | BPF_X:
            r[i->dst_reg] = (uint32_t)r[i->src_reg];
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            r[i->dst_reg] = imm;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            pc += r[i->dst_reg] != imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += r[i->dst_reg] == imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP32 | BPF_JNE | BPF_K:
            pc += (uint32_t)r[i->dst_reg] != (uint32_t)imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_EXIT:
            return (int)r[0];
        default:
            bad_program("instruction", i->code, pc);
        }
    }
    bad_program("ran off the end", 0, n);
    return -1;
}

#endif

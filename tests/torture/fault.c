/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared object for LD_PRELOAD that makes calls of a program fail, counted from main on.
 *   FAULT_CALL    malloc (and its kin), thread, or a system call of the table below
 *   FAULT_AT      which call fails, from 1; 0: none
 *   FAULT_ON      set: every later one fails too
 *   FAULT_ERROR   errno of a failing system call, or "short": half of the bytes are done
 *   FAULT_COUNT   a file that gets a line "NAME NUMBER" for the calls of each kind; nothing fails
 * System calls are caught by a seccomp filter that traps them, so those that libc makes by itself
 * are met as well, on x86-64 alone. Where the system allows no filter they are not counted, and
 * cannot fail (exit code 125). glibc only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* glibc's allocator under the names that are replaced here */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

/* what is replaced, and the trampoline */
void *memalign(size_t alignment, size_t bytes);
int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv,
                      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *end);

enum { ALLOCATIONS, THREADS, SYSTEM_CALLS, NUMBERS = 6 };

/* The calls of each kind: system calls by their numbers. */
static const struct {
    const char *name;
    int count, numbers[NUMBERS];
} kinds[] = {
    [ALLOCATIONS] = {"malloc", 0, {0}},
    [THREADS] = {"thread", 0, {0}},
#ifdef __x86_64__
    {"read", 1, {SYS_read}},
    {"pread", 1, {SYS_pread64}},
    {"write", 3, {SYS_write, SYS_pwrite64, SYS_writev}},
    {"open", 2, {SYS_open, SYS_openat}},
    {"stat", 5, {SYS_stat, SYS_fstat, SYS_lstat, SYS_newfstatat, SYS_statx}},
    {"mmap", 1, {SYS_mmap}},
    {"fsync", 2, {SYS_fsync, SYS_fdatasync}},
    {"rename", 5, {SYS_rename, SYS_renameat, SYS_renameat2, SYS_link, SYS_linkat}},
    {"getdents", 1, {SYS_getdents64}},
    {"seek", 1, {SYS_lseek}},
#endif
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static int chosen = -1; /* the kind that fails */
static long fails_at;
static int fails_on;
static int trapped; /* system calls are counted */
static atomic_int armed;
static atomic_long calls[KINDS];

static int fails(int kind)
{
    if (!atomic_load(&armed))
        return 0;
    long call = atomic_fetch_add(&calls[kind], 1) + 1;
    return kind == chosen && (call == fails_at || (fails_on && call > fails_at));
}

/* ---- allocations and threads ---- */

static int no_memory(void)
{
    if (!fails(ALLOCATIONS))
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t bytes)
{
    return no_memory() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return no_memory() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    return no_memory() ? NULL : __libc_realloc(block, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
    return no_memory() ? NULL : __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return memalign(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    void *got = memalign(alignment, bytes);
    if (!got)
        return ENOMEM;
    *block = got;
    return 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return fails(THREADS) ? EAGAIN : real(thread, attr, run, arg);
}

/* ---- system calls ---- */

#ifdef __x86_64__

static int error_number, is_short;

long fault_system_call(long number, long a, long b, long c, long d, long e, long f);
extern const char fault_system_call_return[];

/* The only place whose system calls the filter lets pass. */
__asm__(".text\n"
        ".globl fault_system_call, fault_system_call_return\n"
        ".hidden fault_system_call, fault_system_call_return\n"
        ".type fault_system_call, @function\n"
        "fault_system_call:\n"
        "  mov %rdi, %rax\n"
        "  mov %rsi, %rdi\n"
        "  mov %rdx, %rsi\n"
        "  mov %rcx, %rdx\n"
        "  mov %r8, %r10\n"
        "  mov %r9, %r8\n"
        "  mov 8(%rsp), %r9\n"
        "  syscall\n"
        "fault_system_call_return:\n"
        "  ret\n");

static long as_asked(int number, const greg_t *r, greg_t count)
{
    return fault_system_call(number, r[REG_RDI], r[REG_RSI], count, r[REG_R10], r[REG_R8],
                             r[REG_R9]);
}

static int kind_of(int number)
{
    for (int kind = SYSTEM_CALLS; kind < KINDS; kind++)
        for (int i = 0; i < kinds[kind].count; i++)
            if (kinds[kind].numbers[i] == number)
                return kind;
    return SYSTEM_CALLS;
}

/* A trapped call: fails, or is done here. */
static void on_system_call(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    greg_t count = r[REG_RDX];
    if (!fails(kind_of(info->si_syscall)))
        r[REG_RAX] = as_asked(info->si_syscall, r, count);
    else if (is_short)
        r[REG_RAX] = as_asked(info->si_syscall, r, count > 1 ? count / 2 : count);
    else
        r[REG_RAX] = -error_number;
}

static int has_trap(const int *numbers, int count)
{
    struct sock_filter filter[KINDS * NUMBERS + 8];
    uint64_t inside = (uint64_t)(uintptr_t)fault_system_call_return;
    int n = 0;
    filter[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < count; i++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)numbers[i],
                                                   count - i, 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    size_t at = offsetof(struct seccomp_data, instruction_pointer);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)inside, 0, 3);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at + 4);
    filter[n++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(inside >> 32), 0, 1);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    struct sigaction action = {.sa_sigaction = on_system_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The chosen kind, or all where none is chosen; 0: this system does not allow it. */
static int traps(void)
{
    const char *error = getenv("FAULT_ERROR");
    int numbers[KINDS * NUMBERS], count = 0;
    is_short = error && strcmp(error, "short") == 0;
    error_number = error ? atoi(error) : EIO;
    for (int kind = SYSTEM_CALLS; kind < KINDS; kind++)
        for (int i = 0; i < kinds[kind].count && (chosen < 0 || chosen == kind); i++)
            numbers[count++] = kinds[kind].numbers[i];
    return count == 0 || has_trap(numbers, count);
}

#else

static int traps(void)
{
    return 0;
}

#endif

/* ---- around main ---- */

static void report(void)
{
    atomic_store(&armed, 0);
    const char *path = getenv("FAULT_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    for (int kind = 0; f && kind < (trapped ? KINDS : SYSTEM_CALLS); kind++)
        fprintf(f, "%s %ld\n", kinds[kind].name, atomic_load(&calls[kind]));
    if (f)
        fclose(f);
}

static void arm(void)
{
    const char *call = getenv("FAULT_CALL"), *at = getenv("FAULT_AT");
    fails_at = at ? atol(at) : 0;
    fails_on = getenv("FAULT_ON") != NULL;
    for (int kind = 0; call && kind < KINDS; kind++)
        if (strcmp(call, kinds[kind].name) == 0)
            chosen = kind;
    trapped = traps();
    if (!trapped && chosen >= SYSTEM_CALLS) {
        perror("fault: no seccomp filter");
        _exit(125);
    }
    atexit(report);
    atomic_store(&armed, 1);
}

static int (*real_program)(int, char **, char **);

static int armed_program(int argc, char **argv, char **environment)
{
    arm();
    return real_program(argc, argv, environment);
}

int __libc_start_main(int (*program)(int, char **, char **), int argc, char **argv,
                      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *end)
{
    int (*real)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                void (*)(void), void *);
    *(void **)&real = dlsym(RTLD_NEXT, "__libc_start_main");
    real_program = program;
    return real(armed_program, argc, argv, init, fini, rtld_fini, end);
}

"""Restricts the process that decodes, so that an exploited decoder can do no harm."""

import ctypes
import errno
import os
import resource
from collections.abc import Iterable

# The system calls of a process that computes, answers on an open socket, and starts threads (some decoders do). Not
# fcntl: with F_SETOWN and F_SETSIG, an open socket sends any signal to any process of the same user.
ALLOWED_CALLS = """
    brk clock_gettime clock_nanosleep close exit exit_group fstat futex getcpu getpid getrandom getrusage gettid
    gettimeofday lseek membarrier mmap mprotect mremap munmap nanosleep newfstatat poll ppoll pread64 read readv
    recvfrom recvmsg restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield
    sendmsg sendto set_robust_list sigaltstack sysinfo times write writev
"""

# linux/prctl.h, linux/sched.h, and seccomp.h of libseccomp.
PR_SET_NO_NEW_PRIVS = 38
CLONE_THREAD = 0x00010000
SCMP_ACT_ALLOW, SCMP_ACT_ERRNO = 0x7FFF0000, 0x00050000
SCMP_FLTATR_CTL_TSYNC = 4
SCMP_CMP_LT, SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ = 2, 4, 7
# From this value on, the advice of madvise() damages pages of the machine.
MADV_HWPOISON = 100
# glibc calls clone() where clone3() does not exist. The flags of clone3() are in memory, where a filter can't see them.
MISSING_CALL = "clone3"


class Condition(ctypes.Structure):
    """The struct scmp_arg_cmp of libseccomp: a condition on one argument of a system call."""

    _fields_ = [
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("masked_value", ctypes.c_uint64),
    ]


def restrict(memory: int, files: int) -> str:
    """Drop privileges permanently; return the name of one that could not be dropped.

    Left are: `memory` bytes in addition to those in use, `files` open files, no writing to files, no core dumps, no new
    privileges, and no system calls but ALLOWED_CALLS: no files, network, programs, processes or signals to others.
    """
    limits = {
        resource.RLIMIT_AS: _address_space() + memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: files,
    }
    for kind, limit in limits.items():
        resource.setrlimit(kind, (limit, limit))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return f"new privileges ({os.strerror(ctypes.get_errno())})"
    try:
        _filter_calls(ALLOWED_CALLS.split())
    except OSError as error:
        return f"system calls ({error})"
    return ""


def _address_space() -> int:
    """Return the size of the process's address space, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _filter_calls(allowed: Iterable[str]) -> None:
    """Let all system calls but `allowed` fail with EPERM. Raises OSError if libseccomp or the kernel can't do that."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Condition))
    ]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_load.argtypes = library.seccomp_release.argtypes = [ctypes.c_void_p]

    def add(action: int, call: str, *conditions: Condition) -> None:
        number = library.seccomp_syscall_resolve_name(call.encode())
        array = (Condition * len(conditions))(*conditions)
        # Not every processor has every call: poll is missing on some.
        if number >= 0:
            _check(library.seccomp_rule_add_array(rules, action, number, len(conditions), array))

    rules = library.seccomp_init(SCMP_ACT_ERRNO | errno.EPERM)
    try:
        for call in allowed:
            add(SCMP_ACT_ALLOW, call)
        # Only threads, only signals to itself, which abort() sends, and limits are only read: of this process, without
        # a new value.
        add(SCMP_ACT_ALLOW, "clone", Condition(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD))
        add(SCMP_ACT_ALLOW, "tgkill", Condition(0, SCMP_CMP_EQ, os.getpid()))
        add(SCMP_ACT_ALLOW, "prlimit64", Condition(0, SCMP_CMP_EQ, 0), Condition(2, SCMP_CMP_EQ, 0))
        add(SCMP_ACT_ALLOW, "madvise", Condition(2, SCMP_CMP_LT, MADV_HWPOISON))
        add(SCMP_ACT_ERRNO | errno.ENOSYS, MISSING_CALL)
        # Threads that run already give the calls up too: what one of them may do, another one can make it do.
        _check(library.seccomp_attr_set(rules, SCMP_FLTATR_CTL_TSYNC, 1))
        _check(library.seccomp_load(rules))
    finally:
        library.seccomp_release(rules)


def _check(result: int) -> None:
    """Raise OSError for a negative `result`, which is an errno."""
    if result < 0:
        raise OSError(-result, os.strerror(-result))

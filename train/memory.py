"""Memory that is freed stays with the process: fetching it anew costs a fifth of a step and more.

XLA asks for the temporary memory of a step, hundreds of megabytes on a CPU, when the step begins
and frees it at the end. The C library returns so large a block to the system, which clears it page
by page when the next step touches it. The measured difference is in docs/performance.md.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # glibc's malloc.h


def keep_freed_memory() -> bool:
    """Tell the C library's allocator to give nothing back, and to have one heap for all threads.

    To be called before JAX starts its threads. The process then holds on to the most that it ever
    had allocated.

    Returns:
        Whether the allocator is one that can be told: glibc's.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**26}
    return all(mallopt(option, value) for option, value in wanted.items())

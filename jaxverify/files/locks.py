"""Files and folders that one process has for itself."""

import errno
import fcntl

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)


def lock(handle: int, *, wait: bool = True) -> None:
    """Lock a file or folder until its handle is closed, or its process ends.

    Args:
        handle: of the file or folder.
        wait: for another process that has it.

    Raises:
        BlockingIOError: if another has it, and this one does not wait.

    Guarantee: on a file system without locks nothing happens.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise

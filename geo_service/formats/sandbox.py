"""Walls around the process that meets GDAL: memory, time, files, network. Linux, standard library only.

Each wall is raised if the kernel permits it, and none relies on another: resource limits always; a network
namespace without any device (needs the right to unshare); Landlock, which leaves nothing to read but the
interpreter, the libraries and GDAL's own tables, and forbids TCP (kernel 5.13, and 6.7 for TCP).
"""

import ctypes
import os
import resource
import struct
import sys
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_SIGKILL = 9
# the three system calls carry the same numbers on every architecture (they were added after the unification)
_SYS_CREATE_RULESET, _SYS_ADD_RULE, _SYS_RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_FS_EXECUTE, _FS_READ_FILE, _FS_READ_DIR = 1 << 0, 1 << 2, 1 << 3
_FS_READ = _FS_EXECUTE | _FS_READ_FILE | _FS_READ_DIR
_FS_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET_TCP = 0b11
_NET_ABI = 4
_NEWEST_KNOWN_ABI = 5


def raise_walls(memory_bytes: int, cpu_s: int) -> list[str]:
    """Wall in the calling process for good.

    Parameters
    ----------
    memory_bytes, cpu_s : int
        Address space and processor time; the kernel kills the process that uses more time.

    Returns
    -------
    list of str
        The walls that stand, of ``limits``, ``no_network``, ``landlock``.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    walls = []
    if _leave_network(libc):
        walls.append("no_network")
    if _landlock(libc, _readable_folders()):
        walls.append("landlock")
    _limit(memory_bytes, cpu_s)
    walls.append("limits")
    return walls


def _limit(memory_bytes: int, cpu_s: int) -> None:
    wanted = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: 0,  # no byte can be written to any file
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for what, value in wanted.items():
        _soft, hard = resource.getrlimit(what)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (allowed, allowed))


def _leave_network(libc: ctypes.CDLL) -> bool:
    """Move into an empty network namespace; without the right to do so, by way of a user namespace."""
    if libc.unshare(_CLONE_NEWNET) == 0:
        return True
    return bool(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def _readable_folders() -> list[Path]:
    """Return what an interpreter with its packages has to read: never a home, a data folder or /etc."""
    package = Path(__file__).resolve().parents[1]
    site = [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    own = [package, Path(sys.prefix), Path(sys.base_prefix), *site]
    system = [Path("/usr"), Path("/lib"), Path("/lib64"), Path("/etc/ld.so.cache"), Path("/dev/urandom")]
    found = {path.resolve() for path in own + system if path.exists()}
    return sorted(path for path in found if path != Path("/"))


def _landlock(libc: ctypes.CDLL, readable: list[Path]) -> bool:
    abi = min(libc.syscall(_SYS_CREATE_RULESET, None, ctypes.c_size_t(0), 1), _NEWEST_KNOWN_ABI)
    if abi < 1:
        return False
    handled = struct.pack("=Q", _FS_OF_ABI[abi]) + (struct.pack("=Q", _NET_TCP) if abi >= _NET_ABI else b"")
    rules = libc.syscall(_SYS_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    if rules < 0:
        return False
    try:
        for path in readable:
            _allow_reading(libc, rules, path)
        return bool(libc.syscall(_SYS_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow_reading(libc: ctypes.CDLL, rules: int, path: Path) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _FS_READ if path.is_dir() else _FS_EXECUTE | _FS_READ_FILE
        libc.syscall(_SYS_ADD_RULE, rules, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)

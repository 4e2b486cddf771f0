"""Zips, looked at before they are opened and unpacked under a limit, in memory only.

The directory of a zip is what its maker claims. Claims that are too large are refused at once; what is
unpacked is counted byte by byte, so a false claim breaks off as well. GDAL never sees the zip itself.
"""

import io
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath

from geo_service.formats.faults import FaultList
from geo_service.formats.limits import MIB, Limits

_ENCRYPTED_BIT = 0x1
_UTF8_NAME_BIT = 0x800
_SMALL_BYTES = 4_096  # below this a high ratio harms nobody: runs of zeros in a header pack 1,000 to 1


class Archive:
    """The files of a zip that passed every check.

    Parameters
    ----------
    data : bytes
        The zip.
    faults : FaultList
        Where what is wrong with it goes; :attr:`ok` tells afterwards.
    limits : Limits
        Caps on entries, total size and ratio.
    """

    def __init__(self, data: bytes, faults: FaultList, limits: Limits) -> None:
        self._faults = faults
        self._limits = limits
        self._left_bytes = limits.file_bytes
        self._infos: dict[str, zipfile.ZipInfo] = {}
        before = len(faults)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            faults.add("zip", "", "the zip is damaged or cut off")
        else:
            self._check()
        self.ok = len(faults) == before

    @property
    def names(self) -> list[str]:
        """Names of the files, folders and the rubbish of macOS left out."""
        return list(self._infos)

    def read(self, name: str) -> bytes | None:
        """Unpack one file; None after noting a fault."""
        info = self._infos[name]
        try:
            with self._zip.open(info) as packed:
                # one byte more than promised tells a file that is larger than its entry claims
                content = packed.read(min(info.file_size, self._left_bytes) + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            OSError,
            ValueError,
        ):
            self._faults.add("zip", name, "this file of the zip is damaged")
            return None
        if len(content) > info.file_size or len(content) > self._left_bytes:
            self._faults.add("zip-bomb", name, "this file of the zip is larger than the zip says")
            return None
        self._left_bytes -= len(content)
        return content

    def _check(self) -> None:
        infos, limits = self._zip.infolist(), self._limits
        if len(infos) > limits.zip_entries:
            message = f"the zip has {len(infos):,} entries; the limit is {limits.zip_entries}"
            self._faults.add("zip-entries", "", message)
        total = sum(info.file_size for info in infos)
        if total > limits.file_bytes:
            message = f"unpacked the zip has {total // MIB:,} MiB; the limit is {limits.file_bytes // MIB}"
            self._faults.add("zip-total", "", message)
        for info in infos[: limits.zip_entries]:
            self._check_entry(info)

    def _check_entry(self, info: zipfile.ZipInfo) -> None:
        name = _name(info)
        if not name:  # a name that begins with a zero byte is read as none
            self._faults.add("zip-path", "", "an entry of the zip has no name")
            return
        for kind, wrong, message in _ENTRY_RULES:
            if wrong(info, name, self._limits):
                self._faults.add(kind, name, message.format(ratio=self._limits.zip_ratio))
        folders = PurePosixPath(name).parts
        hidden = bool(folders) and (folders[0] == "__MACOSX" or folders[-1].startswith("."))
        if info.is_dir() or hidden:
            return
        if name in self._infos:
            self._faults.add("zip-twice", name, "stands in the zip twice")
        self._infos[name] = info


def _name(info: zipfile.ZipInfo) -> str:
    """Return an entry's name; without the UTF-8 mark it is GBK by Chinese tools, cp437 to Python."""
    if info.flag_bits & _UTF8_NAME_BIT or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def _leads_outside(_info: zipfile.ZipInfo, name: str, _limits: Limits) -> bool:
    path = name.replace("\\", "/")
    return path.startswith("/") or ".." in path.split("/") or path[1:2] == ":" or "\x00" in path


def _is_special(info: zipfile.ZipInfo, _name: str, _limits: Limits) -> bool:
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    return bool(kind) and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _is_encrypted(info: zipfile.ZipInfo, _name: str, _limits: Limits) -> bool:
    return bool(info.flag_bits & _ENCRYPTED_BIT)


def _is_bomb(info: zipfile.ZipInfo, _name: str, limits: Limits) -> bool:
    large = info.file_size > _SMALL_BYTES
    return large and info.file_size > limits.zip_ratio * max(info.compress_size, 1)


_Rule = Callable[[zipfile.ZipInfo, str, Limits], bool]
_ENTRY_RULES: tuple[tuple[str, _Rule, str], ...] = (
    ("zip-path", _leads_outside, "the name leads out of the zip's own folder"),
    ("zip-link", _is_special, "is a link or a device, not a file"),
    ("zip-encrypted", _is_encrypted, "is encrypted: pack it without a password"),
    ("zip-bomb", _is_bomb, "unpacks to more than {ratio} times its packed size"),
)

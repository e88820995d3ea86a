"""The cache on disk: what is damaged or another's is not run, what is in the way costs compile time alone."""

import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from weft import ArgumentError
from weft.codegen import cache, upkeep
from weft.codegen.private_folder import PrivateFolder

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs the rights of POSIX")
KEY, OTHER = cache.key("one"), cache.key("another")
DATA = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, in a process that has not looked at it."""
    place = tmp_path / "above" / "cache"
    monkeypatch.setenv("WEFT_CACHE_DIR", str(place))
    monkeypatch.delenv("WEFT_CACHE_BYTES", raising=False)
    monkeypatch.setattr(cache, "_warned", False)
    monkeypatch.setattr(upkeep, "_asked", {})
    return place


def entry(folder, name=KEY):
    return folder / name[:2] / name


def temporaries(folder):
    return [path for path in folder.rglob("*") if "tmp" in path.name]


def total(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if len(path.name) == 40)


def aged(path, days):
    then = time.time() - 86400 * days
    os.utime(path, (then, then))


def test_what_was_stored_is_loaded(folder):
    assert cache.load(KEY) is None
    cache.store(KEY, DATA)
    cache.store(OTHER, b"")
    assert cache.load(KEY) == DATA
    assert cache.load(OTHER) == b""
    assert cache.load(cache.key("a third")) is None
    assert not temporaries(folder)


def turned(place):
    def change(data):
        return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]

    return change


DAMAGE = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "half of the header": lambda data: data[:20],
    "the header alone": lambda data: data[:48],
    "without its last byte": lambda data: data[:-1],
    "one byte more": lambda data: data + b"\0",
    "noughts": lambda data: bytes(len(data)),
    "garbage": lambda data: os.urandom(len(data)),
    "without a header": lambda data: data[48:],
    "a bit of the form": turned(0),
    "a bit of the length": turned(9),
    "a high bit of the length": turned(15),
    "a bit of the digest": turned(30),
    "a bit of the content": turned(5000),
    "the last bit but two": turned(-1),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_entries_are_not_loaded_and_are_replaced(folder, damage):
    cache.store(KEY, DATA)
    path = entry(folder)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert cache.load(KEY) is None
    cache.store(KEY, DATA)
    assert cache.load(KEY) == DATA


def test_an_entry_under_another_name_is_not_loaded(folder):
    cache.store(KEY, DATA)
    cache.store(OTHER, DATA[::-1])
    entry(folder).write_bytes(entry(folder, OTHER).read_bytes())
    assert cache.load(KEY) is None
    assert cache.load(OTHER) == DATA[::-1]


def test_a_huge_file_is_not_read(folder):
    cache.store(KEY, DATA)
    os.truncate(entry(folder), 1 << 40)  # without blocks; to read it would take a terabyte
    assert cache.load(KEY) is None


# ---- rights ----------------------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_only_this_user_may_use_what_is_made(folder, umask):
    before = os.umask(umask)
    try:
        cache.store(KEY, DATA)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder.parent, folder, entry(folder).parent)} == {0o700}
    assert cache.load(KEY) == DATA


def loosened(path, mode):
    path.chmod(mode)
    return path


@POSIX
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_entries_that_others_may_write_are_not_run(folder, mode):
    cache.store(KEY, DATA)
    path = loosened(entry(folder), mode)
    with pytest.warns(RuntimeWarning, match=f"{path} belongs to another user, or others may write it") as told:
        assert cache.load(KEY) is None
    assert told[0].filename == __file__
    assert "chmod go-w" in str(told[0].message)
    assert "WEFT_CACHE_DIR" in str(told[0].message)
    assert cache.load(KEY) is None  # and no word more
    cache.store(KEY, DATA)
    assert cache.load(KEY) == DATA
    assert path.stat().st_mode & 0o777 == 0o600


@POSIX
def test_folders_of_entries_that_others_may_write_are_mended(folder):
    cache.store(KEY, DATA)
    path = loosened(entry(folder).parent, 0o770)
    with pytest.warns(RuntimeWarning, match=str(path)):
        assert cache.load(KEY) is None
    cache.store(KEY, DATA)
    assert path.stat().st_mode & 0o777 == 0o700
    assert cache.load(KEY) == DATA


@POSIX
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_may_write_is_not_used(folder, mode):
    cache.store(KEY, DATA)
    loosened(folder, mode)
    with pytest.warns(RuntimeWarning, match=str(folder)):
        assert cache.load(KEY) is None
    cache.store(OTHER, DATA)
    assert not entry(folder, OTHER).exists()
    assert folder.stat().st_mode & 0o7777 == mode  # it may be anybody's: /tmp


@POSIX
def test_a_folder_of_another_user_is_not_used(folder, monkeypatch):
    cache.store(KEY, DATA)
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    with pytest.warns(RuntimeWarning, match=str(folder)):
        assert cache.load(KEY) is None
    cache.store(OTHER, DATA)
    assert not entry(folder, OTHER).exists()


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
@pytest.mark.parametrize("what", ["entry", "folder", "closed folder"])
def test_what_another_user_owns_is_replaced(folder, what):
    cache.store(KEY, DATA)
    path = entry(folder) if what == "entry" else entry(folder).parent
    os.chown(path, 65534, 65534)
    if what == "closed folder":
        path.chmod(0o000)
    with pytest.warns(RuntimeWarning, match=str(path)):
        assert cache.load(KEY) is None
    cache.store(KEY, DATA)
    assert cache.load(KEY) == DATA
    assert path.stat().st_uid == 0


# ---- what is no file and no folder -----------------------------------------------------------------------------------


def a_socket(path):
    before = os.getcwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def a_full_folder(path):
    path.mkdir()
    (path / "file").write_text("what somebody keeps there")


def a_link_to(target):
    return lambda path: path.symlink_to(target)


IN_THE_WAY = {
    "FIFO": os.mkfifo if hasattr(os, "mkfifo") else None,
    "socket": a_socket,
    "folder": Path.mkdir,
    "full folder": a_full_folder,
    "device": a_link_to("/dev/zero"),
    "link to nothing": a_link_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
}


@POSIX
@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_what_is_no_entry_is_replaced(folder, kind):
    cache.store(KEY, DATA)
    entry(folder).unlink()
    IN_THE_WAY[kind](entry(folder))
    assert cache.load(KEY) is None
    cache.store(KEY, DATA)
    assert cache.load(KEY) == DATA


@POSIX
@pytest.mark.parametrize("kind", ["FIFO", "socket", "device", "link to nothing", "link to itself"])
def test_what_is_no_folder_of_entries_is_replaced(folder, kind):
    folder.mkdir(parents=True, mode=0o700)
    IN_THE_WAY[kind](folder / KEY[:2])
    assert cache.load(KEY) is None
    cache.store(KEY, DATA)
    assert cache.load(KEY) == DATA


@POSIX
def test_a_folder_of_ours_that_cannot_be_opened_now_is_left_where_it_is(folder, monkeypatch):
    cache.store(KEY, DATA)
    opened = os.open

    def too_many(path, *args, **keywords):
        if path == KEY[:2]:
            raise OSError(errno.EMFILE, "Too many open files")
        return opened(path, *args, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", too_many)
        assert cache.load(KEY) is None
        cache.store(KEY, DATA * 2)
    assert cache.load(KEY) == DATA
    assert not [path for path in folder.iterdir() if "tmp" in path.name]


@POSIX
@pytest.mark.parametrize("kind", ["FIFO", "socket", "device", "link to nothing", "link to itself"])
def test_what_is_no_cache_is_left_alone(folder, kind):
    folder.parent.mkdir()
    IN_THE_WAY[kind](folder)
    before = os.lstat(folder)
    assert cache.load(KEY) is None
    cache.store(KEY, DATA)
    assert cache.load(KEY) is None
    assert os.lstat(folder).st_mode == before.st_mode


@POSIX
def test_links_to_good_entries_are_not_followed(folder, tmp_path):
    cache.store(KEY, DATA)
    good = tmp_path / "good"
    entry(folder).rename(good)
    entry(folder).symlink_to(good)
    before = good.read_bytes()
    assert cache.load(KEY) is None
    cache.store(KEY, DATA)
    assert cache.load(KEY) == DATA
    assert good.read_bytes() == before


@POSIX
def test_the_cache_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    cache.store(KEY, DATA)
    assert cache.load(KEY) == DATA
    loosened(tmp_path / "elsewhere", 0o777)
    with pytest.warns(RuntimeWarning, match=str(folder)):
        assert cache.load(KEY) is None


@pytest.mark.parametrize("name", ["tidied", "stored"])
@pytest.mark.parametrize("kind", ["FIFO", "full folder", "device", "link to nothing"])
@POSIX
def test_notes_in_the_folder_may_be_anything(folder, name, kind):
    folder.mkdir(parents=True, mode=0o700)
    IN_THE_WAY[kind](folder / name)
    cache.store(KEY, DATA)
    assert cache.load(KEY) == DATA
    assert (folder / name).is_file()


# ---- faults while writing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space"), OSError(errno.EROFS, "Read only")])
def test_errors_of_the_disk_cost_nothing_else(folder, monkeypatch, error):
    cache.store(OTHER, DATA)
    open_it = os.open

    def failing(path, flags, *rest, **more):
        if flags & os.O_CREAT:
            raise error
        return open_it(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", failing)
    cache.store(KEY, DATA)
    assert cache.load(KEY) is None
    assert cache.load(OTHER) == DATA


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Denied"), KeyboardInterrupt(), MemoryError()])
def test_no_temporary_file_is_left_of_an_error(folder, monkeypatch, error):
    cache.store(OTHER, DATA)

    def failing(*args, **more):
        assert temporaries(folder)
        raise error

    monkeypatch.setattr(os, "replace", failing)
    if isinstance(error, OSError):
        cache.store(KEY, DATA)
    else:
        with pytest.raises(type(error)):
            cache.store(KEY, DATA)
    assert not temporaries(folder)


@POSIX
def test_half_written_files_are_removed(folder):
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
from weft.codegen import cache
cache.store({KEY!r}, bytes(10000))
assert cache.load({KEY!r}) is None
cache.store({KEY!r}, bytes(1000))
assert cache.load({KEY!r}) == bytes(1000)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not temporaries(folder)


STORE_AND_LOAD = """
import os, sys
from weft.codegen import cache
names = [cache.key(i) for i in range(8)]
for round in range(20):
    for i, name in enumerate(names):
        data = name.encode() * (100 + i)
        cache.store(name, data) if round % 2 else None
        assert cache.load(name) in (data, None)
"""


@pytest.mark.parametrize("most", ["1000000000", "20000"])
def test_processes_share_the_folder(folder, most):
    environment = dict(os.environ, WEFT_CACHE_BYTES=most)
    children = [subprocess.Popen([sys.executable, "-W", "error", "-c", STORE_AND_LOAD], env=environment) for _ in "ab"]
    assert [child.wait() for child in children] == [0, 0]
    assert not temporaries(folder)


# ---- upkeep ----------------------------------------------------------------------------------------------------------


def leave_temporaries(folder, days):
    for part in ("", "ab", KEY[:2]):
        (folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (f"{KEY}.tmp-{days}", f"tmpx{days}"):  # ours, and those of Python's tempfile
            (folder / part / name).write_bytes(b"half")
            aged(folder / part / name, days)
    a_full_folder(folder / f"cd.tmp-{days}")
    aged(folder / f"cd.tmp-{days}", days)


@pytest.mark.parametrize("days", [7, -7])  # ago, and to come: the clock was set back
@pytest.mark.parametrize("use", [cache.load, lambda name: cache.store(name, DATA)], ids=["load", "store"])
def test_stale_temporary_files_are_swept_with_the_first_use(folder, use, days):
    leave_temporaries(folder, days)
    leave_temporaries(folder, 0)
    assert len(temporaries(folder)) == 14
    use(KEY)
    left = temporaries(folder)
    assert len(left) == 7
    assert all(path.name.endswith("0") for path in left)


def test_nobody_looks_twice_within_an_hour(folder, monkeypatch):
    cache.store(KEY, DATA)
    leave_temporaries(folder, 7)
    monkeypatch.setattr(upkeep, "_asked", {})  # another process
    cache.load(KEY)
    assert len(temporaries(folder)) == 7
    aged(folder / "tidied", 1)
    cache.load(KEY)  # this one has asked already
    assert len(temporaries(folder)) == 7
    monkeypatch.setattr(upkeep, "_asked", {})
    cache.load(KEY)
    assert not temporaries(folder)


@pytest.mark.parametrize("start", [0.0, 5.0, 1e6])  # seconds since the machine was started
def test_a_process_looks_at_its_start_and_every_hour(folder, monkeypatch, start):
    folder.mkdir(parents=True, mode=0o700)
    for now, looks in ((start, True), (start + 3599, False), (start + 3600, True), (start + 7199, False)):
        monkeypatch.setattr(time, "monotonic", lambda: now)
        for name in ("tmp", "tidied"):
            (folder / name).touch(mode=0o600)
            aged(folder / name, 7)
        cache.load(KEY)
        assert (folder / "tmp").exists() != looks


def test_the_folder_stays_below_its_limit(folder, monkeypatch):
    monkeypatch.setenv("WEFT_CACHE_BYTES", "100000")
    names = [cache.key(i) for i in range(40)]
    for i, name in enumerate(names):
        monkeypatch.setattr(upkeep, "_asked", {})  # as many processes as entries
        cache.store(name, DATA[:7000])
        aged(entry(folder, name), 1 - i / 100)
        assert total(folder) <= 100_000
    kept = [name for name in names if cache.load(name)]
    assert 10 <= len(kept) <= 14
    assert kept == names[-len(kept) :]


def test_what_was_used_stays(folder, monkeypatch):
    names = [cache.key(i) for i in range(10)]
    for i, name in enumerate(names):
        cache.store(name, DATA)
        aged(entry(folder, name), 100 - i)
    assert cache.load(names[0]) == DATA
    with PrivateFolder(str(folder)) as top:
        assert upkeep.prune(top, 3 * len(entry(folder, names[0]).read_bytes())) == 7
    assert [name for name in names if cache.load(name)] == [names[0], *names[-2:]]


def test_a_use_is_noted_once_a_day(folder):
    cache.store(KEY, DATA)
    aged(entry(folder), 0.5)
    before = entry(folder).stat().st_mtime
    cache.load(KEY)
    assert entry(folder).stat().st_mtime == before


def test_few_stores_look_through_the_folder(folder, monkeypatch):
    looks = []
    monkeypatch.setattr(upkeep, "prune", lambda top, most: looks.append(most))
    for i in range(50):
        cache.store(cache.key(i), DATA)
    assert len(looks) == 1
    monkeypatch.setenv("WEFT_CACHE_BYTES", "4000000")  # an eighth of it is stored with every 41 entries
    for i in range(90):
        cache.store(cache.key(i), DATA)
    assert len(looks) in (3, 4)


@pytest.mark.parametrize("most", ["0", "100", "10000"])
def test_what_is_larger_than_the_limit_is_not_kept(folder, monkeypatch, most):
    monkeypatch.setenv("WEFT_CACHE_BYTES", most)
    cache.store(KEY, DATA)
    assert cache.load(KEY) is None
    assert total(folder) == 0


def test_the_limit_is_a_gibibyte_if_nobody_says_another(monkeypatch):
    monkeypatch.delenv("WEFT_CACHE_BYTES", raising=False)
    assert cache.limit() == 2**30
    monkeypatch.setenv("WEFT_CACHE_BYTES", "0")
    assert cache.limit() == 0


@pytest.mark.parametrize("wrong", ["", "-1", "1e9", "1G", " 5", "1_000", "²", "many"])
def test_a_wrong_limit_is_told(monkeypatch, wrong):
    monkeypatch.setenv("WEFT_CACHE_BYTES", wrong)
    sentence = "it must be a whole number of bytes, 0 or more, or not be set."
    for use in (lambda: cache.load(KEY), lambda: cache.store(KEY, DATA)):
        with pytest.raises(ArgumentError) as error:
            use()
        assert str(error.value) == f"WEFT_CACHE_BYTES is {wrong!r}: {sentence}"


# ---- where it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["~/.cache/weft", "cache/weft", RuntimeError("no home"), KeyError("uid")])
def test_without_a_home_nothing_is_kept(monkeypatch, tmp_path, answer):
    import platformdirs

    def user_cache_dir(name):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(platformdirs, "user_cache_dir", user_cache_dir)
    monkeypatch.delenv("WEFT_CACHE_DIR")
    monkeypatch.chdir(tmp_path)
    assert cache.folder() is None
    cache.store(KEY, DATA)
    assert cache.load(KEY) is None
    assert not list(tmp_path.iterdir())


def test_a_key_keeps_its_parts_apart():
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("ab", "c", "")]
    assert len({cache.key(*p) for p in parts}) == 4

"""The writer and its groups: every unit is whole, and every caller gets an answer."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3

import pytest

from storage import sqlite
from storage.errors import Busy, Closed, Conflict, Corrupt, DiskFull, StorageError
from storage.sqlite import checkpoints
from storage.sqlite.readers import READERS
from storage.sqlite.scrubbing import scrub

# SQLite's numbers for BEGIN, COMMIT and ROLLBACK, and for those of a savepoint.
# Source: sqlite.org/c3ref/c_alter_table.html (2026-11).
TRANSACTION, SAVEPOINT = 22, 32
BIG = 4_000_000
ONE_ROW = f"INSERT INTO note (body) VALUES (zeroblob({BIG}))"
# SQLite takes back this statement alone, for it keeps a journal of it: more than one row.
MANY_ROWS = (
    "INSERT INTO note (body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
    " WHERE i < 40) SELECT zeroblob(100000) || i FROM n"
)


@pytest.fixture
async def db(path):
    """Open a file with a few tables of the test's own."""
    found = await sqlite.connect(path)
    for statement in (
        "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE)",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        """CREATE TABLE child (parent_id INTEGER REFERENCES parent (id)
        DEFERRABLE INITIALLY DEFERRED)""",
    ):
        await found.write(lambda tx, s=statement: tx.run(s))
    yield found
    await found.close()


def adding(*bodies, then=None):
    """Return a unit that adds notes one by one, then raises if it is told to."""

    async def unit(tx):
        for body in bodies:
            await tx.run("INSERT INTO note (body) VALUES (:body)", body=body)
        await tx.notify("outbox")
        if then is not None:
            raise then
        return bodies[-1]

    return unit


async def bodies(db):
    """Return the notes in order."""
    rows = await db.read(lambda tx: tx.rows("SELECT body FROM note ORDER BY id"))
    return [row[0] for row in rows]


async def together(db, *units):
    """Write units at once, so that they make a group; return results and errors."""
    return await asyncio.gather(*(db.write(unit) for unit in units), return_exceptions=True)


async def traced(db):
    """Return a list that each statement of the writer is added to."""
    said = []
    await db._writer.connection.set_trace_callback(said.append)
    return said


async def failing(db, **left):
    """Let SQLite refuse the writer some statements of transactions, so many times each."""

    def allowed(action, word, *_rest):
        word = f"{word}_TO" if action == SAVEPOINT else word
        if action in {TRANSACTION, SAVEPOINT} and left.get(word, 0):
            left[word] -= 1
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    await db._writer.connection.set_authorizer(allowed)


# --- groups ---


async def test_a_group_has_at_most_64_units(db, monkeypatch):
    """130 units that wait are three commits."""
    monkeypatch.setattr("storage.sqlite.writer.GROUP_SECONDS", 60)
    said = await traced(db)
    found = await together(db, *(adding(f"n{i}") for i in range(130)))
    assert found == [f"n{i}" for i in range(130)]
    assert said.count("COMMIT") == 3
    assert len(await bodies(db)) == 130


async def test_a_group_has_its_time(db, monkeypatch):
    """Once its time is over a group takes no more units, though one it always takes."""
    monkeypatch.setattr("storage.sqlite.writer.GROUP_SECONDS", 0)
    said = await traced(db)
    await together(db, *(adding(f"n{i}") for i in range(5)))
    assert said.count("COMMIT") == 5


async def refused(tx):
    """Fail by the schema's word."""
    await tx.run("INSERT INTO note (body) VALUES ('mine')")
    await tx.run("INSERT INTO note (body) VALUES ('mine')")


async def late(tx):
    """Fail by a statement that nobody waited for."""
    await tx.run("INSERT INTO note (body) VALUES ('mine')")
    await tx.post("INSERT INTO note (body) VALUES (NULL)")


BAD = [
    (adding("mine", then=KeyError("mistake")), KeyError),
    (adding("mine", then=asyncio.CancelledError()), asyncio.CancelledError),
    (adding(then=KeyError("before any statement")), KeyError),
    (refused, Conflict),
    (late, Conflict),
    (lambda tx: tx.rows("SELECT nothing FROM nowhere"), StorageError),
    (adding("mine", "\ud800"), UnicodeEncodeError),
]


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize(("bad", "error"), BAD)
async def test_a_bad_unit_harms_no_neighbour(db, bad, error, place):
    """Nothing of it is kept, its error reaches its caller alone, the others go on."""
    units = [adding("a"), adding("b"), adding("c")]
    units.insert(place, bad)
    found = await together(db, *units)
    assert isinstance(found.pop(place), error)
    assert found == ["a", "b", "c"]
    assert await bodies(db) == ["a", "b", "c"]
    assert await db.write(adding("later")) == "later"


async def test_units_run_in_the_order_they_came(db):
    """A unit sees what those before it wrote, in its own group too."""

    async def count(tx):
        await tx.run("INSERT INTO note (body) SELECT 'n' || COUNT(*) FROM note")
        return (await tx.row("SELECT COUNT(*) FROM note"))[0]

    assert await together(db, *[count] * 20) == list(range(1, 21))


async def test_what_is_posted_is_there_for_the_next_statement(db):
    """Statements that nobody waits for keep their order, and their error comes with a later one."""

    async def unit(tx):
        await tx.post("INSERT INTO note (body) VALUES ('a')")
        await tx.many("INSERT INTO note (body) VALUES (:body)", [{"body": "b"}, {"body": "c"}])
        found = await tx.rows("SELECT body FROM note ORDER BY id")
        await tx.post("INSERT INTO note (body) VALUES ('d')")
        return [row[0] for row in found]

    assert await db.write(unit) == ["a", "b", "c"]
    assert await bodies(db) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("stubborn", ["goes on", "fails again", "gives up"])
async def test_what_a_unit_left_to_be_run_is_its_own_affair(db, stubborn):
    """It is refused to the unit that posted it, whatever the next one makes of the error."""

    async def second(tx):
        if stubborn == "gives up":
            return await adding("b")(tx)
        with contextlib.suppress(Conflict):
            await adding("b")(tx)
        if stubborn == "fails again":
            with contextlib.suppress(Conflict, StorageError):
                await tx.rows("SELECT nothing FROM nowhere")
        return "b"

    found = await together(db, adding("a"), late, second, adding("c"))
    assert isinstance(found[1], Conflict)
    assert [found[0], *found[2:]] == ["a", "b", "c"]
    assert await bodies(db) == ["a", "b", "c"]


async def test_a_unit_that_only_posts_is_kept_by_itself(db):
    """Whether those beside it ask anything, fail or do nothing at all."""

    async def post(tx):
        await tx.post("INSERT INTO note (body) SELECT 'n' || COUNT(*) FROM note")

    async def nothing(tx):
        pass

    async def fails(tx):
        await post(tx)
        raise KeyError

    async def fails_late(tx):
        await tx.run("INSERT INTO note (body) VALUES ('never')")
        await post(tx)
        raise KeyError

    units = [post, nothing, fails, post, fails_late, post, nothing, fails]
    found = await together(db, *units)
    expected = [KeyError if unit in (fails, fails_late) else type(None) for unit in units]
    assert [type(one) for one in found] == expected
    assert await bodies(db) == ["n0", "n1", "n2"]


async def test_a_cancelled_caller_does_not_cut_its_unit_in_half(db):
    """The unit ends as it would have: all of it is kept."""
    halfway, go_on = asyncio.Event(), asyncio.Event()

    async def unit(tx):
        await tx.run("INSERT INTO note (body) VALUES ('first half')")
        halfway.set()
        await go_on.wait()
        await tx.run("INSERT INTO note (body) VALUES ('second half')")

    caller = asyncio.create_task(db.write(unit))
    await halfway.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    assert await db.write(adding("next")) == "next"
    assert await bodies(db) == ["first half", "second half", "next"]


# --- a full disk ---


async def fill(db):
    """Let the file not grow by another page."""
    pages = int(next(iter(await db._writer.connection.execute_fetchall("PRAGMA page_count")))[0])
    await db._writer.connection.execute(f"PRAGMA max_page_count = {pages + 1}")


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(("statement", "all_gone"), [(ONE_ROW, True), (MANY_ROWS, False)])
async def test_a_full_disk_refuses_what_does_not_fit(db, statement, all_gone, place):
    """Whether SQLite took back the statement or the whole group, the others are written."""
    await fill(db)
    gone = []

    async def large(tx):
        try:
            await tx.run(statement)
        finally:
            gone.append(not db._writer.connection.in_transaction)

    units = [adding("a"), adding("b")]
    units.insert(place, large)
    found = await together(db, *units)
    assert isinstance(found.pop(place), DiskFull)
    assert found == ["a", "b"]
    assert gone[0] is all_gone
    assert await bodies(db) == ["a", "b"]


@pytest.mark.parametrize("place", [0, 1])
async def test_a_unit_can_not_go_on_after_its_transaction(db, place):
    """Whoever passes over a full disk's error writes nothing more, and is told of it."""
    await fill(db)
    refused = []

    async def stubborn(tx):
        await tx.run("INSERT INTO note (body) VALUES ('before')")
        with contextlib.suppress(DiskFull):
            await tx.run(ONE_ROW)
        try:
            await tx.run("INSERT INTO note (body) VALUES ('after')")
        except DiskFull as error:
            refused.append(error)
        await tx.notify("outbox")

    heard = []
    db.listen(heard.append)
    units = [adding("a")]
    units.insert(place, stubborn)
    found = await together(db, *units)
    assert isinstance(found.pop(place), DiskFull)
    assert found == ["a"]
    assert refused
    assert await bodies(db) == ["a"]
    assert heard == ["outbox"]


async def test_a_disk_with_room_again_is_written_to(db):
    """A full disk is a passing state."""
    await fill(db)
    with pytest.raises(DiskFull):
        await db.write(lambda tx: tx.run(ONE_ROW))
    await db._writer.connection.execute("PRAGMA max_page_count = 1000000")
    await db.write(lambda tx: tx.run(ONE_ROW))


# --- a group that fails as a whole ---


async def test_a_failed_commit_reaches_only_its_cause(db):
    """Each unit is run once more, alone: what COMMIT refuses is refused to one caller."""
    runs = []

    def counted(name, unit):
        async def run(tx):
            runs.append(name)
            return await unit(tx)

        return run

    found = await together(
        db,
        counted("a", adding("a")),
        counted("orphan", lambda tx: tx.run("INSERT INTO child (parent_id) VALUES (99)")),
        counted("b", adding("b")),
    )
    assert isinstance(found[1], Conflict)
    assert (found[0], found[2]) == ("a", "b")
    assert runs == ["a", "orphan", "b"] * 2
    assert await bodies(db) == ["a", "b"]


async def test_a_commit_that_fails_once_is_made_good(db):
    """Nobody hears of it, and nothing is written twice."""
    await failing(db, COMMIT=1)
    assert await together(db, adding("a"), adding("b")) == ["a", "b"]
    assert await bodies(db) == ["a", "b"]


async def test_a_commit_that_fails_for_good_is_told_to_all(db):
    """Nobody believes that it was written, and once it goes again it goes."""
    heard = []
    db.listen(heard.append)
    await failing(db, COMMIT=3)
    found = await together(db, adding("a"), adding("b"))
    assert [type(one) for one in found] == [StorageError] * 2
    assert heard == []
    assert await bodies(db) == []
    assert await db.write(adding("c")) == "c"


async def test_a_rollback_that_fails_leaves_nobody_waiting(db):
    """The writer goes on with a new connection; what was open on the old one is undone."""
    old = db._writer.connection
    await failing(db, COMMIT=1, ROLLBACK=1)
    assert await together(db, adding("a"), adding("b")) == ["a", "b"]
    assert db._writer.connection is not old
    assert await bodies(db) == ["a", "b"]


async def test_a_bad_unit_that_can_not_be_undone_harms_no_neighbour(db):
    """Where its part alone can't be taken back, all is, and each is run once more."""
    await failing(db, ROLLBACK_TO=1)
    found = await together(db, adding("a"), adding("x", then=KeyError()), adding("b"))
    assert isinstance(found.pop(1), KeyError)
    assert found == ["a", "b"]
    assert await bodies(db) == ["a", "b"]


@pytest.mark.parametrize("method", ["_begin", "_inside", "_run"])
async def test_a_mistake_in_the_writer_leaves_nobody_waiting(db, monkeypatch, method):
    """Whatever is raised, those who wait are refused, and those who come later are served."""

    async def mistake(*args, **named):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(db._writer, method, mistake)
        found = await asyncio.wait_for(together(db, adding("a"), adding("b")), 5)
    assert [type(one) for one in found] == [StorageError] * 2
    assert await db.write(adding("c")) == "c"
    assert await bodies(db) == ["c"]


async def test_forgetting_that_fails_stops_nobody(db, monkeypatch):
    """What can't be written anew now is tried again, and units go on in between."""
    monkeypatch.setattr("storage.sqlite.scrubbing.AGAIN_SECONDS", 0.01)
    tried, done = [], asyncio.Event()
    loop = asyncio.get_running_loop()

    def fails_at_first(path, calm):
        tried.append(path)
        if len(tried) < 3:
            raise ZeroDivisionError
        loop.call_soon_threadsafe(done.set)
        return scrub(path)

    async def forget(tx):
        await tx.run("DELETE FROM note")
        await tx.scrub()

    monkeypatch.setattr("storage.sqlite.scrubbing.scrub", fails_at_first)
    await db.write(adding("a"))
    await db.write(forget)
    assert await asyncio.wait_for(db.write(adding("b")), 5) == "b"
    await asyncio.wait_for(done.wait(), 5)
    assert await bodies(db) == ["b"]


async def test_a_lost_connection_is_replaced(db):
    """A connection that is gone costs those who wait an error, and no more."""
    await db._writer.connection.close()
    with pytest.raises(StorageError):
        await asyncio.wait_for(db.write(adding("a")), 5)
    assert await db.write(adding("b")) == "b"


async def test_the_end_of_the_writer_is_told(db):
    """Where the whole program is being ended, callers hear that the database is closed."""
    halfway = asyncio.Event()

    async def endless(tx):
        await tx.run("INSERT INTO note (body) VALUES ('half')")
        halfway.set()
        await asyncio.Event().wait()

    callers = [asyncio.create_task(db.write(unit)) for unit in (endless, adding("a"))]
    await halfway.wait()
    db._writer._task.cancel()
    found = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(one) for one in found] == [Closed, Closed]
    with pytest.raises(Closed):
        await db.write(adding("b"))
    assert await bodies(db) == []


# --- locks and files that can't be used ---


async def test_a_locked_database_is_busy(path, monkeypatch):
    """Whoever waits for another program's lock is refused in the end, all at once."""
    monkeypatch.setattr("storage.sqlite.connecting.BUSY_SECONDS", 0.05)
    db = await sqlite.connect(path)
    await db.write(lambda tx: tx.run("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)"))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        found = await together(db, *(adding(f"n{i}") for i in range(100)))
        assert {type(one) for one in found} == {Busy}
        assert await bodies(db) == []
        other.execute("COMMIT")
    assert await db.write(adding("a")) == "a"
    await db.close()


async def test_a_lock_taken_between_two_tries_is_busy_for_all(db, monkeypatch):
    """Units that are run alone wait for a lock once, not once each."""
    said = await traced(db)
    begin = db._writer._begin

    async def locked_later():
        if "BEGIN IMMEDIATE" in said:
            raise Busy("locked")
        await begin()

    await failing(db, COMMIT=1)
    monkeypatch.setattr(db._writer, "_begin", locked_later)
    found = await together(db, adding("a"), adding("b"), adding("c"))
    assert [type(one) for one in found] == [Busy] * 3


async def test_garbage_is_corrupt(path):
    """A file that is no database is refused, and left as it is."""
    path.write_bytes(b"no database at all, " * 500)
    with pytest.raises(Corrupt):
        await sqlite.connect(path)
    assert path.read_bytes() == b"no database at all, " * 500


@pytest.mark.sqlite_only
async def test_a_damaged_page_is_found(database, path):
    """`sound` reads the whole file where it is asked to."""
    await database.sound(whole=True)
    await database.close()
    with path.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xff" * 4096)
    again = await sqlite.connect(path)
    with pytest.raises(Corrupt):
        await again.sound(whole=True)
    await again.close()


@pytest.mark.sqlite_only
async def test_an_index_that_says_otherwise_is_found(database, path):
    """A few bytes of an index: each page can still be read, and what it finds is wrong."""
    word = b"a word of its own"
    await database.write(
        lambda tx: tx.run(
            "INSERT INTO addresses (channel, value, created_at) VALUES ('sms', :value, 0)",
            value=word.decode(),
        )
    )
    await database.close()
    held = path.read_bytes()
    places = [at for at in range(0, len(held), 4096) if word in held[at : at + 4096]]
    (index,) = [at for at in places if held[at] == 0x0A]  # a leaf of an index
    path.write_bytes(held[:index] + held[index : index + 4096].replace(word, b"another word here")
                     + held[index + 4096 :])  # fmt: skip
    again = await sqlite.connect(path)
    with pytest.raises(Corrupt):
        await again.sound(whole=True)
    await again.close()


@pytest.mark.sqlite_only
@pytest.mark.parametrize("noise", [b"\xfe" * 40, bytes(40)])
async def test_a_text_that_is_none_is_found(database, path, noise):
    """Noise within a text: SQLite finds nothing wrong with its page."""
    word = b"a text of its own, longer than the noise that spoils it"
    await database.write(
        lambda tx: tx.run(
            "INSERT INTO organisations (name, name_key, created_at) VALUES (:name, 'x', 0)",
            name=word.decode(),
        )
    )
    await database.sound(whole=True)
    await database.close()
    path.write_bytes(path.read_bytes().replace(word, word[:4] + noise + word[44:]))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    again = await sqlite.connect(path)
    with pytest.raises(Corrupt, match="organisations"):
        await again.sound(whole=True)
    await again.close()


@pytest.mark.sqlite_only
async def test_a_number_that_is_none_is_found(database, path):
    """A value is what its column holds."""
    await database.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO pace (channel, next_us) VALUES ('sms', x'0102')")
        connection.commit()
    again = await sqlite.connect(path)
    with pytest.raises(Corrupt, match="pace"):
        await again.sound(whole=True)
    await again.close()


@pytest.mark.sqlite_only
async def test_a_disk_that_takes_nothing_is_not_sound(database):
    """Whether it can be written is seen by writing."""
    await database.sound()
    await database._writer.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="permissions"):
        await database.sound()


# --- the log ---


@pytest.fixture
def soon(monkeypatch):
    """Let a log be moved as soon as something is written."""
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.01)


@pytest.mark.sqlite_only
async def test_the_log_begins_anew_beside_a_busy_writer(soon, db, path, monkeypatch):
    """Its pages are moved while units go on: SQLite itself would do it at 64 MB."""
    monkeypatch.setattr(checkpoints, "ENOUGH", 500)
    sizes = []
    for n in range(60):
        await db.write(
            lambda tx, n=n: tx.run("INSERT INTO note (body) VALUES (:n || zeroblob(200000))", n=n)
        )
        sizes.append(path.with_name(path.name + "-wal").stat().st_size)
        await asyncio.sleep(0.01)
    assert sizes[-1] < 60 * 200_000 / 2
    assert len(await bodies(db)) == 60


@pytest.mark.sqlite_only
async def test_a_log_that_cannot_be_moved_waits(soon, db, monkeypatch):
    """Whoever writes does not hear of it, and it is tried again."""
    moved = checkpoints.Checkpoints._moved
    tries = []

    def failing(self):
        tries.append(1)
        if len(tries) == 1:
            raise sqlite3.OperationalError("disk I/O error")
        return moved(self)

    monkeypatch.setattr(checkpoints.Checkpoints, "_moved", failing)
    for n in range(20):
        await db.write(adding(f"note {n}"))
        await asyncio.sleep(0.01)
    assert len(tries) > 1
    assert len(await bodies(db)) == 20


# --- closing ---


async def test_what_waits_is_written_before_it_closes(db, path):
    """Closing takes nothing new, and loses nothing that was there."""
    callers = [asyncio.create_task(db.write(adding(f"n{i}"))) for i in range(100)]
    await asyncio.sleep(0)
    await asyncio.gather(db.close(), db.close())
    assert await asyncio.gather(*callers) == [f"n{i}" for i in range(100)]
    for refused in (db.write(adding("late")), db.read(adding("late"))):
        with pytest.raises(Closed):
            await refused
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM note").fetchone() == (100,)


async def test_closing_waits_for_readers(db):
    """Whoever reads is let finish; whoever waits for a turn is refused."""
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx):
        inside.set()
        await go_on.wait()
        return (await tx.row("SELECT 1"))[0]

    reads = [asyncio.create_task(db.read(slow)) for _ in range(READERS + 2)]
    await inside.wait()
    closing = asyncio.create_task(db.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    go_on.set()
    found = await asyncio.gather(*reads, return_exceptions=True)
    assert found[:READERS] == [1] * READERS
    assert [type(one) for one in found[READERS:]] == [Closed] * 2
    await closing


async def test_closing_does_not_wait_for_ever(db, monkeypatch):
    """Units and reads that never end are cut off, and all who wait hear of it."""
    monkeypatch.setattr("storage.sqlite.writer.CLOSE_SECONDS", 0.05)
    monkeypatch.setattr("storage.sqlite.readers.READ_SECONDS", 0.05)
    go_on = asyncio.Event()

    async def endless(tx):
        await tx.rows("SELECT 1")
        await asyncio.Event().wait()

    async def too_long(tx):
        await go_on.wait()
        await tx.rows("SELECT 1")

    written = [asyncio.create_task(db.write(unit)) for unit in (endless, adding("a"))]
    reads = [asyncio.create_task(db.read(too_long)) for _ in range(READERS + 1)]
    await asyncio.sleep(0.01)
    await asyncio.wait_for(db.close(), 5)
    go_on.set()
    found = await asyncio.gather(*written, *reads, return_exceptions=True)
    assert [type(one) for one in found] == [Closed] * len(found)


async def test_a_long_read_is_broken_off_by_closing(db, monkeypatch):
    """A query that would take hours does not keep the program from ending."""
    monkeypatch.setattr("storage.sqlite.readers.READ_SECONDS", 0.05)
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    read = asyncio.create_task(db.read(lambda tx: tx.rows(query)))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(db.close(), 5)
    with pytest.raises(StorageError):
        await read


async def test_closing_ends_though_its_caller_is_cancelled(db):
    """A second signal does not leave connections open."""
    closing = asyncio.create_task(db.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await db.close()
    assert db._writer.connection._connection is None

"""The changes at the source, step by step. Each leaves the source quiet and checks."""

import random
import threading
import time

# Above the two kilobytes from which PostgreSQL keeps a text apart.
LONG_TEXT = "x" * 9000


class Load(threading.Thread):
    """Changes random customers and contacts until its block ends; a failure ends the block too."""

    def __init__(self, world, seed):
        super().__init__()
        self.source, self.ids = world.source, world.args.rows
        self.random = random.Random(world.args.seed * 1000 + seed)
        self.stopped = threading.Event()
        self.failure = None

    def run(self):
        while not self.stopped.is_set() and self.failure is None:
            batch = [self.statement() for _ in range(self.random.randint(1, 30))]
            if self.random.random() < 0.3:
                batch = ["BEGIN;", *batch, "COMMIT;"]
            try:
                self.source.sql("\n".join(batch))
            except Exception as error:  # pylint: disable=broad-except  # raised by __exit__
                self.failure = error

    def statement(self):
        draw, one = self.random.random(), self.random.randint(1, self.ids)
        if draw < 0.6:
            return (f"UPDATE customers SET name = 'n{self.random.random()}', "
                    f"revenue = {self.random.randint(0, 10**9) / 100} WHERE id = {one};")
        if draw < 0.7:
            return f"DELETE FROM customers WHERE id = {one};"
        if draw < 0.9:
            return self.source.upsert("customers", [one, "again", "FR", 1.1, "short", None],
                                      "country", "IT")
        parent = self.random.randint(1, self.ids)
        return self.source.upsert("contacts", [one, parent, "a@b"], "customer_id", parent)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join()
        if self.failure is not None:
            raise self.failure


def initial_snapshot(world):
    """Taken while the rows change."""
    world.source.sql(world.source.tables + world.source.insert(1, world.args.rows, LONG_TEXT))
    with Load(world, 1):
        world.connect()
        time.sleep(world.args.load_s)
    world.check("snapshot under load")


def every_operation(world):
    world.source.sql(world.source.insert(10001, 10010) + """
        UPDATE customers SET country = NULL, revenue = NULL WHERE id = 10001;
        DELETE FROM customers WHERE id = 10002;
        DELETE FROM customers WHERE id = 10003;
        INSERT INTO customers VALUES (10003, 'back', 'ES', 7, 'short', NULL);
        BEGIN;
        DELETE FROM customers WHERE id = 10004;
        INSERT INTO customers VALUES (10004, 'back at once', 'ES', 8, 'short', NULL);
        COMMIT;
        UPDATE customers SET name = 'same time' WHERE id IN (10005, 10006, 10007);""")
    world.check("insert, update, delete, insert again")


def unchanged_long_texts(world):
    world.source.sql(f"UPDATE customers SET notes = '{LONG_TEXT}' WHERE id = 10005;"
                     "UPDATE customers SET name = 'keeps its notes' WHERE id = 10005;")
    world.check("a long text that an update does not touch")


def changed_keys(world):
    world.source.sql("""
        UPDATE customers SET id = 10021 WHERE id = 10006;
        BEGIN;
        UPDATE customers SET id = -1 WHERE id = 10007;
        UPDATE customers SET id = 10007 WHERE id = 10008;
        UPDATE customers SET id = 10008 WHERE id = -1;
        COMMIT;""")
    world.check("a changed key, and two that change places")


def merges(world):
    world.source.sql("""
        BEGIN;
        UPDATE contacts SET customer_id = 10010 WHERE customer_id = 10009;
        UPDATE customers SET merged_into = 10010 WHERE id = 10009;
        COMMIT;""")
    world.check("a merge" + (" with transaction metadata" if world.more else ""))
    world.source.sql("UPDATE customers SET merged_into = NULL WHERE id = 10009;")
    world.check("the merge taken back")


def kills(world):
    with Load(world, 2):
        for victim in range(world.args.kills):
            time.sleep(world.args.load_s / 2)
            if victim % 2:
                world.job.kill()
                world.job.start()
            else:
                world.worker.do("kill")
                world.worker.do("start")
                world.worker.wait_running()
    world.check("worker and job killed under load")


def incremental_snapshot(world):
    with Load(world, 3):
        world.source.sql(
            "INSERT INTO signals VALUES ('s1', 'execute-snapshot', '{\"data-collections\": "
            f"[\"{world.source.schema}.customers\"], \"type\": \"incremental\"}}');")
        time.sleep(world.args.load_s)
    world.check("incremental snapshot under load")


def lost_log(world):
    """The connector finds its place in the log gone, and takes a new snapshot."""
    world.worker.do("stop")
    world.source.sql("UPDATE customers SET name = 'while nobody looked' WHERE id < 5;"
                     + world.source.insert(20001, 20003) + world.source.lose_log)
    world.worker.do("start")
    world.worker.wait_running()
    world.source.sql("UPDATE customers SET country = 'PT' WHERE id = 20003;")
    world.check("place in the log lost")


def lost_deletes(world):
    """Rows went while nobody looked: the new snapshot does not bring them."""
    world.worker.do("stop")
    world.source.sql("DELETE FROM customers WHERE id BETWEEN 5 AND 9;" + world.source.lose_log)
    world.worker.do("start")
    world.worker.wait_running()
    world.check("place in the log lost, rows deleted meanwhile")


def truncate(world):
    world.source.sql("TRUNCATE TABLE customers; INSERT INTO customers VALUES "
                     "(10010, 'after the truncate', 'DE', 1, 'short', NULL);")
    world.check("truncate")


def transaction_metadata(world):
    world.more = {"provide.transaction.metadata": "true"}
    world.connect()
    world.source.sql("DELETE FROM contacts; DELETE FROM customers;"
                     + world.source.insert(10009, 10012))
    merges(world)


STEPS = (initial_snapshot, every_operation, unchanged_long_texts, changed_keys, merges, kills,
         incremental_snapshot, lost_log, lost_deletes, truncate, transaction_metadata)

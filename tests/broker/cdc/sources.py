"""The source databases: what a test does to them, in the dialect of each."""

import json
import subprocess

from services import TIMEOUT_S, Service

INSERTED_AT_ONCE = 500
CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
COLUMNS = ("id", "name", "country", "revenue", "notes", "merged_into")


def quoted(value):
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


class Source(Service):
    """A database with the tables customers, contacts and signals, in the schema `schema`."""

    def client(self):
        raise NotImplementedError

    def sql(self, text):
        """Runs statements, each in a transaction of its own unless `text` says BEGIN. Returns the
        lines that they print."""
        done = subprocess.run(self.client(), input=text, capture_output=True, text=True,
                              check=False, timeout=TIMEOUT_S)
        if done.returncode != 0:
            raise RuntimeError(f"{text[:200]}: {done.stderr}")
        return done.stdout.splitlines()

    def customers(self):
        """Every row of customers as an object; numbers with a fraction as texts."""
        columns = ", ".join(f"'{name}', {self.text_of(name)}" for name in COLUMNS)
        return [json.loads(line) for line in self.sql(
            f"SELECT {self.json_object}({columns}) FROM customers;")]

    def text_of(self, column):
        return f"CAST({column} AS {self.text_type})" if column == "revenue" else column

    def insert(self, first, last, notes="short"):
        # MariaDB takes a statement of 16 MiB (max_allowed_packet).
        statements = []
        for begin in range(first, last + 1, INSERTED_AT_ONCE):
            numbers = range(begin, min(begin + INSERTED_AT_ONCE, last + 1))
            customers = ", ".join(f"({n}, 'name {n}', 'DE', {n * 10.5}, '{notes}', NULL)"
                                  for n in numbers)
            contacts = ", ".join(f"({n}, {n}, 'a@b')" for n in numbers)
            statements.append(f"INSERT INTO customers VALUES {customers}; "
                              f"INSERT INTO contacts VALUES {contacts};")
        return " ".join(statements)

    def connector(self, **more):
        return {
            "database.hostname": "127.0.0.1", "database.port": str(self.port),
            "database.user": "millrace", "database.password": "millrace",
            "topic.prefix": self.name, "skipped.operations": "none",
            "table.include.list": ",".join(f"{self.schema}.{table}" for table in (
                "customers", "contacts", "signals")),
            "signal.data.collection": self.signals, "incremental.snapshot.chunk.size": "64",
            "snapshot.mode": "when_needed", "retriable.restart.connector.wait.ms": "500",
            "key.converter": CONVERTER, "key.converter.schemas.enable": "false",
            "value.converter": CONVERTER, "value.converter.schemas.enable": "false",
            **self.own_settings(), **more}

    def mapping(self):
        """The mapping file of the job that reads this source."""
        prefix, fields = f"{self.name}.{self.schema}", ("name", "country", "revenue", "notes")
        return {"topics": {
            f"{prefix}.customers": {"format": "debezium", "source": self.name, "entities": {
                f"{self.schema}.customers": {
                    "type": "account", "id": "id", "master": "merged_into",
                    "fields": {**{name: name for name in fields},
                               "merged_into": "master_record_id"}}}},
            f"{prefix}.contacts": {"format": "debezium", "source": self.name, "entities": {
                f"{self.schema}.contacts": {
                    "type": "contact", "id": "id", "parent": "customer_id",
                    "fields": {"customer_id": "account_id"}}}}}}


class Postgres(Source):
    name, schema, signals = "pg", "public", "public.signals"
    json_object, text_type = "json_build_object", "text"
    # Texts of more than two kilobytes lie apart (TOAST): an update does not carry them.
    tables = """
        CREATE TABLE customers(id int PRIMARY KEY, name text, country text, revenue numeric(14,2),
                               notes text, merged_into int);
        ALTER TABLE customers ALTER COLUMN notes SET STORAGE EXTERNAL;
        CREATE TABLE contacts(id int PRIMARY KEY, customer_id int, email text);
        CREATE TABLE signals(id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048));"""
    lose_log = "SELECT pg_drop_replication_slot('debezium');"

    def __init__(self, port, _bootstrap):
        # Not in the folder of the test: its server may run as a user who cannot reach that.
        super().__init__("local_postgres.sh", port, f"/var/tmp/millrace-postgres-{port}")

    def client(self):
        return ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
                "-U", "millrace"]

    def own_settings(self):
        return {"connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                "database.dbname": "millrace", "plugin.name": "pgoutput",
                # Without a schema in the records, an exact number must come as text.
                "decimal.handling.mode": "string"}

    @staticmethod
    def upsert(table, values, column, value):
        return (f"INSERT INTO {table} VALUES ({', '.join(map(quoted, values))}) "
                f"ON CONFLICT (id) DO UPDATE SET {column} = {quoted(value)};")


class MariaDb(Source):
    name, schema, signals = "my", "millrace", "millrace.signals"
    json_object, text_type = "JSON_OBJECT", "CHAR"
    tables = """
        CREATE TABLE customers(id int PRIMARY KEY, name text, country text, revenue decimal(14,2),
                               notes text, merged_into int);
        CREATE TABLE contacts(id int PRIMARY KEY, customer_id int, email text);
        CREATE TABLE signals(id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048));"""
    lose_log = "FLUSH BINARY LOGS; FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW() + 1000;"

    def __init__(self, port, bootstrap):
        # Maven has no MariaDB connector of this version. MySQL's reads MariaDB's log, and decides
        # by the server's version how it asks: as it asks a MySQL 5.7, MariaDB answers.
        super().__init__("local_mariadb.sh", port, f"/var/tmp/millrace-mariadb-{port}",
                         ["--set", "version=5.7.10-log"])
        self.bootstrap = bootstrap

    def client(self):
        return ["mariadb", "--no-defaults", "-N", "-r", "-B", "-h", "127.0.0.1", "-P",
                str(self.port), "-u", "millrace", "-pmillrace", "millrace"]

    def own_settings(self):
        return {"connector.class": "io.debezium.connector.mysql.MySqlConnector",
                "database.server.id": "4711", "database.include.list": "millrace",
                "database.ssl.mode": "disabled",
                # Exact numbers come as bytes; only the schema in the record tells their scale.
                "value.converter.schemas.enable": "true",
                "schema.history.internal.kafka.bootstrap.servers": self.bootstrap,
                "schema.history.internal.kafka.topic": "schema-history"}

    @staticmethod
    def upsert(table, values, column, value):
        return (f"INSERT INTO {table} VALUES ({', '.join(map(quoted, values))}) "
                f"ON DUPLICATE KEY UPDATE {column} = {quoted(value)};")


SOURCES = {"postgres": Postgres, "mariadb": MariaDb}

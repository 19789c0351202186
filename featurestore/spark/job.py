"""Computes Sluice's rows on Spark. It is run by Sluice with one argument, the
path of a JSON file that says what to read, which query to run and where to
write; what it has to say it prints as lines that begin with "sluice-spark ".

It uses the DataFrame reader and SQL alone, which Spark has classic and over
Spark Connect, from 3.5 on.
"""

import json
import os
import sys
import threading
import time


def say(**event):
    sys.stdout.write("sluice-spark " + json.dumps(event) + "\n")
    sys.stdout.flush()


def open_session(spec):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("sluice " + spec["name"])
    for key, value in spec["conf"].items():
        builder = builder.config(key, value)
    if spec["remote"].startswith("sc://"):
        builder = builder.remote(spec["remote"])
    spark = builder.getOrCreate()
    # Rows must not depend on what a site has set here.
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.files.ignoreCorruptFiles", "false")
    spark.conf.set("spark.sql.files.ignoreMissingFiles", "false")
    spark.conf.set("spark.sql.parser.escapedStringLiterals", "false")
    spark.conf.set("spark.sql.caseSensitive", "false")
    # The JVM never compiles a longer method, and an interpreted one takes
    # several times as long; Spark then makes shorter ones.
    spark.conf.set("spark.sql.codegen.hugeMethodLimit", "8000")
    # Groups that hold lists are sorted instead of hashed from 128 on otherwise.
    spark.conf.set("spark.sql.objectHashAggregate.sortBased.fallbackThreshold", "100000")
    return spark


def select_source(spark, spec):
    """The innermost level of the query, over the columns that are there."""
    from pyspark.errors import AnalysisException

    try:
        if spec["table"]:
            table, relation = spark.table(spec["table"]), spec["table"]
        else:
            table = spark.read.format(spec["format"]).load(spec["paths"])
            relation = "sluice_table"
            table.createOrReplaceTempView(relation)
        types = {f.name.lower(): f.dataType.simpleString() for f in table.schema.fields}
    except AnalysisException as e:
        raise SystemExit(fail("table", first_line(e)))
    found, lacking, expressions = {}, [], []
    for column in spec["columns"]:
        name = column["name"]
        own = spec["mapping"].get(name, name)
        kind = types.get(own.lower())
        if kind is None:
            lacking.append(name)
            if not column["missing"]:
                raise SystemExit(fail("columns", "the table has no column %s; it has %s" % (own, ", ".join(sorted(types)))))
            expression = column["missing"]
        else:
            expression = column["types"].get(kind) or column["types"].get("")
            if expression is None:
                raise SystemExit(fail("columns", "column %s is of type %s; want one of %s" % (own, kind, ", ".join(sorted(column["types"])))))
            found[name] = kind
            expression = expression.replace("{c}", "`" + own.replace("`", "``") + "`")
        expressions.append("%s AS %s" % (expression, column["level0"]))
    derived = []
    for d in spec["derived"]:
        expression = d["own"]
        if all(n in found for n in d["needs"]):
            expression = "coalesce(%s, %s)" % (d["own"], d["rule"])
        derived.append("%s AS %s" % (expression, d["name"]))
    where = []
    if all(types.get(n) in ("int", "bigint", "smallint", "tinyint") for n in ("year", "month", "day", "hour")):
        where.append(spec["prune"])
    if spec["source"] and "webrequest_source" in types:
        where.append("webrequest_source = '%s'" % spec["source"])
    say(source={"types": found, "lacking": lacking, "pruned": len(where) > 0 and spec["prune"] in where})
    sql = "SELECT *, %s FROM (SELECT %s FROM %s" % (", ".join(derived), ", ".join(expressions), relation)
    if where:
        sql += " WHERE " + " AND ".join(where)
    return sql + ")"


def fail(kind, message):
    say(error={"kind": kind, "message": message})
    return 1


class Watch(threading.Thread):
    """Tells how far the work is, and ends it where no worker takes any."""

    def __init__(self, spark, spec):
        super().__init__(daemon=True)
        self.stall, self.stalled, self.told = spec["stall"], False, None
        if spec["remote"].startswith("sc://"):
            # Spark 3.5's client says nothing of progress.
            register = getattr(spark, "registerProgressHandler", None)
            if register:
                register(self.handle)
        else:
            self.context = spark.sparkContext
            self.tracker = self.context.statusTracker()
            self.seen = {}
            self.start()

    def handle(self, stages=None, inflight_tasks=0, **_):
        done, total = sum(s.num_completed_tasks for s in stages or []), sum(s.num_tasks for s in stages or [])
        if total and self.told != (done, total, inflight_tasks):
            self.told = (done, total, inflight_tasks)
            say(progress={"done": done, "total": total, "active": inflight_tasks})

    def look(self):
        now = {}
        for stage in self.tracker.getActiveStageIds():
            info = self.tracker.getStageInfo(stage)
            if info:
                now[stage] = (info.numCompletedTasks, info.numTasks, info.numActiveTasks)
        for stage, (_, total) in self.seen.items():
            self.seen[stage] = (total, total)  # unless it is at work
        self.seen.update((stage, s[:2]) for stage, s in now.items())
        active = sum(s[2] for s in now.values())
        done, total = (sum(s[i] for s in self.seen.values()) for i in (0, 1))
        return done, total, active, bool(now) and active == 0

    def run(self):
        last, since = None, time.monotonic()
        while True:
            time.sleep(1)
            try:
                now = self.look()
            except Exception:  # the session ends
                return
            if now != last or not now[3]:
                last, since = now, time.monotonic()
                say(progress={"done": now[0], "total": now[1], "active": now[2]})
            elif time.monotonic() - since > self.stall:
                self.stalled = True
                threading.Timer(20, os._exit, [fail("stalled", "")]).start()
                self.context.cancelAllJobs()
                return


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        spec = json.load(f)
    try:
        spark = open_session(spec)
    except ImportError as e:
        return fail("python", first_line(e))
    except Exception as e:  # whatever the cluster says
        return fail("session", first_line(e))
    say(session={"version": spark.version})
    watch = Watch(spark, spec)
    try:
        source = select_source(spark, spec)
        sql = spec["sql"].replace("{{source}}", source)
        if spec["explain"]:
            say(plan=spark.sql("EXPLAIN FORMATTED " + sql).collect()[0][0])
        frame = spark.sql(sql)
        out = spec["staging"]
        frame.write.mode("error").option("maxRecordsPerFile", spec["rows_a_file"]).option("compression", "zstd").parquet(out)
        rows = int(spark.read.schema(frame.schema).parquet(out).count())  # of another type in 3.5's Connect
        if spec["fetch"]:
            os.makedirs(spec["fetch"], exist_ok=True)
            files = spark.read.format("binaryFile").option("pathGlobFilter", "*.parquet").load(out)
            for row in files.select("path", "content").toLocalIterator():
                with open(os.path.join(spec["fetch"], row["path"].rsplit("/", 1)[-1]), "wb") as f:
                    f.write(row["content"])
        say(written={"rows": rows})
        spark.stop()
        return 0
    except SystemExit as e:
        return e.code
    except Exception as e:  # whatever Spark raises, in any version
        if watch.stalled:
            fail("stalled", "")
            os._exit(1)
        if type(e).__name__ == "Py4JNetworkError" or isinstance(e, (ConnectionError, EOFError)):
            return fail("died", "its driver is gone")
        return fail("work", first_line(e))


def first_line(e):
    lines = [line.strip() for line in str(e).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    # The bridge to Java puts the exception below words of its own.
    lines = [line[2:] for line in lines if line.startswith(": ")] or lines
    text = "%s: %s" % (type(e).__name__, lines[0] if lines else "")
    if causes:
        text += "; " + causes[-1]
    return text[:2000]


if __name__ == "__main__":
    sys.exit(main())

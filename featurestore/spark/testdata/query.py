"""query.py FOLDER: runs the SQL on standard input over the Parquet files of a
folder, the table requests, and prints each row as a JSON array."""

import json
import sys

from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "4")
    .config("spark.sql.session.timeZone", "UTC")
    .getOrCreate()
)
spark.read.parquet(sys.argv[1]).createOrReplaceTempView("requests")
for row in spark.sql(sys.stdin.read()).collect():
    print(json.dumps(list(row)))
spark.stop()

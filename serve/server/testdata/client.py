"""Asks a running service through Sluice's Python client and prints the answers."""

import json
import math
import sys

import grpc
from sluice_client import Client

target, token = sys.argv[1:]
with Client(target, token=token) as sluice:
    score = sluice.get("192.0.2.77")
    refused = ""
    try:
        sluice.get("192.0.2.300")
    except grpc.RpcError as e:
        refused = e.code().name
    denied = ""
    try:
        with Client(target, token="no-such-token-000") as other:
            other.get("192.0.2.77")
    except grpc.RpcError as e:
        denied = e.code().name
    rows = sluice.score_rows(["spider_ratio", "request_count"], [[0, 1], [1, 3], [math.nan, 2]],
                             max_reasons=1, model_version="2024-09-ba9876543210")
    json.dump({
        "name": score.name,
        "confidence": score.confidence,
        "verdict": Client.verdict(score),
        "unknown": sluice.get("203.0.113.9") is None,
        "lookup": [r.status.code for r in sluice.lookup(["192.0.2.1", "203.0.113.9", "x"])],
        "listed": [s.ip for s in sluice.list("ip = \"192.0.2.*\"", page_size=10)],
        "refused": refused,
        "denied": denied,
        "rows": list(rows.confidences),
        "reasons": [len(r.reasons) for r in rows.reasons],
    }, sys.stdout)

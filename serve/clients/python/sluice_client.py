"""Calls Sluice's scoring service over gRPC, with deadlines, retries and a token.

The messages and the stub come from proto/sluice/v1 (generate.sh writes them):

    from sluice_client import Client
    with Client("127.0.0.1:9090") as sluice:
        score = sluice.get("192.0.2.1")          # None where the feed lacks it
        print(score.confidence if score else "unknown")
"""

import json

import grpc

from sluice.v1 import ip_score_pb2, rows_pb2, score_service_pb2, score_service_pb2_grpc

__all__ = ["Client"]

# Four tries of what is UNAVAILABLE, as the Go client makes them.
_RETRIES = json.dumps({
    "methodConfig": [{
        "name": [{"service": "sluice.v1.ScoreService"}],
        "waitForReady": True,
        "retryPolicy": {
            "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "2s",
            "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }],
})


class Client:
    """A connection to the service at target, "HOST:PORT".

    timeout bounds every call, in seconds, retries included. credentials are
    grpc.ChannelCredentials; None is no encryption. Errors are grpc.RpcError;
    UNAVAILABLE means that no feed is loaded or nobody answers, and never that
    an address is unknown. stub has every call of the service.
    """

    def __init__(self, target, token=None, timeout=5.0, credentials=None):
        options = [("grpc.service_config", _RETRIES), ("grpc.max_receive_message_length", 64 << 20)]
        if credentials is None:
            self._channel = grpc.insecure_channel(target, options)
        else:
            self._channel = grpc.secure_channel(target, credentials, options)
        self.stub = score_service_pb2_grpc.ScoreServiceStub(self._channel)
        self._with = {"timeout": timeout}
        if token:
            self._with["metadata"] = (("authorization", "Bearer " + token),)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._channel.close()

    def get(self, ip):
        """The IpScore of one address, or None where the feed does not hold it."""
        try:
            return self.stub.GetIpScore(score_service_pb2.GetIpScoreRequest(name=f"ips/{ip}"), **self._with)
        except grpc.RpcError as e:
            if e.code() == grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def lookup(self, ips):
        """One LookupIpResult per address, in order, up to 1,000 addresses."""
        return self.stub.LookupIps(score_service_pb2.LookupIpsRequest(ips=ips), **self._with).results

    def list(self, filter="", page_size=1000):
        """Every IpScore that a filter lets through, by address, page after page."""
        q = score_service_pb2.ListIpScoresRequest(filter=filter, page_size=page_size)
        while True:
            a = self.stub.ListIpScores(q, **self._with)
            yield from a.ip_scores
            if not a.next_page_token:
                return
            q.page_token = a.next_page_token

    def score_rows(self, feature_names, rows, max_reasons=0, model_version=""):
        """Scores rows of feature values, NaN where missing, up to 10,000 rows."""
        q = rows_pb2.ScoreRowsRequest(
            model_version=model_version, feature_names=feature_names,
            values=[v for row in rows for v in row], max_reasons=max_reasons,
        )
        return self.stub.ScoreRows(q, **self._with)

    @staticmethod
    def verdict(score):
        """The name of a score's verdict: "ABUSIVE", "NOT_ABUSIVE", "ABSTAIN"."""
        return ip_score_pb2.Verdict.Name(score.verdict).removeprefix("VERDICT_")

"""Asks a running service through KServe's own clients, over gRPC and REST, with
raw bytes, typed tensors and the first protocol, and prints what they read."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

grpc_url, http_url = sys.argv[1:]
rows = np.array([[0.5] * 12, [0.25] * 12])


def request(binary):
    if binary is None:  # in lists: typed contents over gRPC, JSON over REST
        tensor = InferInput("rows", list(rows.shape), "FP64", data=rows.flatten().tolist())
    else:
        tensor = InferInput("rows", list(rows.shape), "FP64")
        tensor.set_data_from_numpy(rows, binary_data=binary)
    return InferRequest(model_name="sluice", infer_inputs=[tensor])


def read(response):
    out = {o.name: o.as_numpy() for o in response.outputs}
    return {
        "confidence": out["confidence"].tolist(),
        "verdict": [v.decode() if isinstance(v, bytes) else str(v) for v in out["verdict"]],
    }


async def main():
    answers = []
    async with InferenceGRPCClient(grpc_url) as client:
        assert await client.is_server_live() and await client.is_server_ready()
        assert await client.is_model_ready("sluice")
        for binary in (None, True):
            answers.append(read(await client.infer(request(binary))))
    second = InferenceRESTClient(RESTConfig(protocol="v2"))
    base = "http://" + http_url
    assert await second.is_server_live(base) and await second.is_server_ready(base)
    assert await second.is_model_ready(base, "sluice")
    for binary in (None, False, True):
        answers.append(read(await second.infer(base, request(binary), model_name="sluice")))
    first = InferenceRESTClient(RESTConfig(protocol="v1"))
    assert await first.is_model_ready(base, "sluice")
    predicted = await first.infer(base, {"instances": rows.tolist()}, model_name="sluice")
    json.dump({"answers": answers, "predicted": predicted}, sys.stdout)


asyncio.run(main())

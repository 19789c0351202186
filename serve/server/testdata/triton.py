"""Asks a running service through Triton's own clients, over gRPC and HTTP, with
raw bytes and JSON, and prints what they read."""

import json
import sys

import numpy as np
import tritonclient.grpc
import tritonclient.http

grpc_url, http_url, version = sys.argv[1:]
rows = np.array([[0, 1], [1, 3], [np.nan, 2]], dtype=np.float32)
answers = []
for module, url in ((tritonclient.grpc, grpc_url), (tritonclient.http, http_url)):
    client = module.InferenceServerClient(url)
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("sluice") and client.is_model_ready("sluice", version)
    assert client.get_server_metadata() and client.get_model_metadata("sluice", version)
    for dtype, name in ((np.float32, "FP32"), (np.float64, "FP64")):
        for binary in (True, False):
            tensor = module.InferInput("rows", list(rows.shape), name)
            if module is tritonclient.http:
                tensor.set_data_from_numpy(rows.astype(dtype), binary_data=binary)
                outputs = [module.InferRequestedOutput(o, binary_data=binary) for o in ("confidence", "verdict")]
            else:
                tensor.set_data_from_numpy(rows.astype(dtype))
                outputs = None
            result = client.infer("sluice", [tensor], model_version=version, outputs=outputs)
            verdicts = [v.decode() if isinstance(v, bytes) else str(v) for v in result.as_numpy("verdict")]
            answers.append({"confidence": result.as_numpy("confidence").tolist(), "verdict": verdicts})
    try:
        client.infer("other", [tensor])
        raise AssertionError("an unknown model is answered")
    except module.InferenceServerException as e:
        assert "there is no model of that name" in str(e), e
json.dump(answers, sys.stdout)

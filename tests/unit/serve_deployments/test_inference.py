"""The Open Inference Protocol: metadata, inference by JSON and by bytes, and refusals in its form."""

from __future__ import annotations

import json

import numpy as np
import pytest

from andon.features.engine import compute_features
from andon.models.monitors.windows import read_values
from andon.scoring import forecast_next, score_monitor
from tests.served import LINE

CLASSIFIER, MONITOR = f"jam-soon~{LINE}", f"normal-running~{LINE}"
INFER = f"/v2/models/{CLASSIFIER}/infer"


def features(served) -> np.ndarray:
    return compute_features(served.frame, served.alert.features).values[-5:]


def tensor(values: np.ndarray, name: str = "features", **more) -> dict:
    data = [[None if np.isnan(one) else one for one in row] for row in values.tolist()]
    return {"name": name, "shape": list(values.shape), "datatype": "FP64", "data": data} | more


def outputs(answer: dict) -> dict:
    return {one["name"]: one for one in answer["outputs"]}


def test_health_needs_no_token(served):
    assert served.client.get("/v2/health/live").json() == {"live": True}
    assert served.client.get("/v2/health/ready").json() == {"ready": True}


def test_metadata_tells_the_tensors(served):
    told = served.get(f"/v2/models/{CLASSIFIER}").json()
    count = len(served.alert.features.names)
    assert told["versions"] == ["1"]
    assert told["inputs"] == [{"name": "features", "datatype": "FP64", "shape": [-1, count]}]
    assert told["parameters"]["features"] == list(served.alert.features.names)
    assert served.get(f"/v2/models/{CLASSIFIER}/versions/1/ready").json()["ready"] is True
    assert served.get(f"/v2/models/{CLASSIFIER}/versions/2/ready").status_code == 404
    assert served.get("/v2").json()["extensions"] == ["binary_tensor_data"]


def test_a_classifier_infers_what_it_would_score(served):
    values = features(served)
    expected = served.alert.probabilities(values)
    nested = tensor(values)["data"]
    for data in (nested, [one for row in nested for one in row]):
        answer = served.post(INFER, {"id": "a7", "inputs": [tensor(values, data=data)]}).json()
        assert (answer["model_name"], answer["model_version"], answer["id"]) == (CLASSIFIER, "1", "a7")
        found = outputs(answer)
        assert found["probability"]["data"] == expected.tolist()
        assert found["flag"]["data"] == (expected >= 0.4).tolist()
    only = served.post(INFER, {"inputs": [tensor(values)], "outputs": [{"name": "flag"}]}).json()
    assert list(outputs(only)) == ["flag"]


@pytest.mark.parametrize("kind", ["<f8", "<f4"])
def test_bytes_in_and_out(served, kind):
    values = features(served).astype(kind)
    raw = values.tobytes()
    names = {"<f8": "FP64", "<f4": "FP32"}
    given = {
        "name": "features",
        "shape": list(values.shape),
        "datatype": names[kind],
        "parameters": {"binary_data_size": len(raw)},
    }
    wanted = [{"name": "probability", "parameters": {"binary_data": True}}, {"name": "flag"}]
    head = json.dumps({"inputs": [given], "outputs": wanted}).encode()
    sent = {**served.headers, "Inference-Header-Content-Length": str(len(head))}
    answer = served.client.post(INFER, content=head + raw, headers=sent)
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["inference-header-content-length"])
    told, tail = json.loads(answer.content[:length]), answer.content[length:]
    assert outputs(told)["probability"]["parameters"] == {"binary_data_size": len(tail)}
    expected = served.alert.probabilities(values.astype(np.float64))
    assert np.array_equal(np.frombuffer(tail, "<f8"), expected)
    assert outputs(told)["flag"]["data"] == (expected >= 0.4).tolist()


def test_a_monitor_infers_what_it_would_score(served):
    rows = served.monitor.rows_needed + 4
    values = read_values(served.frame, served.monitor.variables)[-rows:]
    found = outputs(served.post(f"/v2/models/{MONITOR}/infer", {"inputs": [tensor(values, "readings")]}).json())
    scores = score_monitor(served.monitor, served.frame)
    assert found["line_score"]["data"] == scores.line_score[-4:].tolist()
    assert found["expected"]["data"] == scores.expected[-4:].ravel().tolist()
    assert found["forecast"]["data"] == [one.expected for one in forecast_next(served.monitor, served.frame)]


BAD = [
    ({}, 422, "inputs"),
    ({"inputs": []}, 422, "inputs"),
    ({"inputs": [3]}, 422, "inputs[0]"),
    ({"inputs": [{"name": "features"}]}, 422, "datatype"),
    ({"inputs": [{"name": "features", "datatype": "FP64", "shape": [1, -1], "data": []}]}, 422, "shape"),
    ({"inputs": [{"name": "features", "datatype": "FP64", "shape": [1, 10**9], "data": []}]}, 422, "shape"),
    ({"inputs": [{"name": "features", "datatype": "FP64", "shape": [1, 2], "data": [1.0]}]}, 422, "wants 2"),
    ({"inputs": [{"name": "features", "datatype": "FP64", "shape": [1], "data": ["1.0"]}]}, 422, "no number"),
    ({"inputs": [{"name": "features", "datatype": "FP64", "shape": [2], "data": [[1.0], 2.0]}]}, 422, "data"),
    ({"inputs": [{"name": "features", "datatype": "INT8", "shape": [1], "data": [300]}]}, 422, "INT8"),
    ({"inputs": [{"name": "features", "datatype": "TEXT", "shape": [1], "data": ["a"]}]}, 422, "datatype"),
    ({"inputs": [{"name": "other", "datatype": "FP64", "shape": [1, 1], "data": [1.0]}]}, 422, "features"),
    ({"inputs": [{"name": "features", "datatype": "FP64", "shape": [1, 1], "data": [1.0]}]}, 422, "[rows,"),
    ({"inputs": [{"name": "features", "datatype": "INT64", "shape": [1, 1], "data": [1]}]}, 422, "[rows,"),
    ({"inputs": [{"name": "features", "datatype": "FP64", "shape": [0], "data": [], "parameters": 1}]}, 422, "param"),
    ({"id": 7, "inputs": [{"name": "features", "datatype": "FP64", "shape": [0], "data": []}]}, 422, "id"),
]


@pytest.mark.parametrize(("body", "status", "named"), BAD)
def test_a_malformed_request_is_refused_and_says_where(served, body, status, named):
    answer = served.post(INFER, body)
    assert answer.status_code == status, answer.text
    assert named in answer.json()["detail"]
    assert answer.json()["error"] == answer.json()["detail"]


@pytest.mark.parametrize(("length", "size"), [("99999", 8), ("0", 8), ("nine", 8), ("60", 80), ("60", -8), ("60", 7)])
def test_binary_lengths_that_lie_are_refused(served, length, size):
    head = json.dumps(
        {"inputs": [{"name": "f", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": size}}]}
    ).encode()
    length = str(len(head)) if length == "60" else length
    sent = {**served.headers, "Inference-Header-Content-Length": length}
    assert served.client.post(INFER, content=head + bytes(8), headers=sent).status_code in (400, 422)


@pytest.mark.parametrize("name", ["jam-soon", "..", "jam-soon~press-08", "%00", "a" * 5000])
def test_an_unknown_model_is_404(served, name):
    answer = served.post(f"/v2/models/{name}/infer", {"inputs": [tensor(features(served))]})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_version_than_the_champion_does_not_serve(served):
    answer = served.post(f"/v2/models/{CLASSIFIER}/versions/9/infer", {"inputs": [tensor(features(served))]})
    assert answer.status_code == 404
    assert "ask for 1" in answer.json()["detail"]

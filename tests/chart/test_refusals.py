"""Combinations that cannot work stop the installation, with a sentence that says what to do."""

from __future__ import annotations

from typing import Any

import helm_python as helm
import pytest

from tests.chart.rendering import EXTERNAL, render

GPU = {"name": "gpu", "tags": ["gpu"], "image": "framefleet/worker-gpu", "gpu": {"count": 1}}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"rabbitmq": {}}, "rabbitmq.existingSecret is empty"),
        ({"redis": {}}, "redis.existingSecret is empty"),
        ({"redis": {"existingSecret": "x", "bundled": {"enabled": True}}}, "redis: either bundled"),
        ({"s3": {"existingSecret": "x"}}, "s3.endpoint is empty"),
        ({"s3": {"endpoint": "host:9000"}}, "s3.existingSecret is empty"),
        ({"s3": {"endpoint": "https://host", "existingSecret": "x"}}, "without http://"),
        ({"s3": {"endpoint": "host", "bundled": {"enabled": True}}}, "s3: either bundled"),
        ({"s3": {"bundled": {"enabled": True, "kind": "minio"}}}, "give an image of MinIO"),
        ({"bundledSecret": "x"}, "nothing is: use"),
        ({"tls": {"ca": {"existingSecret": "a", "existingConfigMap": "b"}}}, "tls.ca: either"),
        ({"api": {"ingress": {"enabled": True}}}, "api.ingress.hosts is empty"),
        ({"api": {"gateway": {"enabled": True}}}, "api.gateway.parentRefs is empty"),
        ({"api": {"keys": "off", "ingress": {"enabled": True, "hosts": ["h"]}}}, "anybody could do everything"),
        ({"api": {"keys": "off", "service": {"type": "LoadBalancer"}}}, "anybody could do everything"),
        ({"scheduler": {"preStopSeconds": 15}}, "has to be 50 at least"),
        ({"commonLabels": {"app.kubernetes.io/component": "x"}}, "tells pods apart"),
        ({"pools": [GPU]}, "none has the tag cpu"),
        ({"pools": []}, "nothing would be worked on"),
        ({"pools": [{"name": "a"}, {"name": "a"}]}, "two of the name"),
        ({"pools": [GPU | {"gpu": {"count": 0}}]}, "set gpu.count to 1"),
        ({"pools": [GPU | {"tags": ["cpu"]}]}, "no slots for them"),
        ({"pools": [GPU | {"image": "framefleet/worker-cpu"}]}, "has no CUDA"),
        (
            {"pools": [{"name": "a", "autoscaling": {"enabled": True, "minReplicas": 9, "maxReplicas": 2}}]},
            "more than maxReplicas",
        ),
        (
            {"autoscaling": {"source": "prometheus"}, "workers": {"autoscaling": {"enabled": True}}},
            "give autoscaling.prometheusAddress",
        ),
        (
            {
                "autoscaling": {"source": "prometheus", "prometheusAddress": "http://prometheus:9090"},
                "workers": {"autoscaling": {"enabled": True}},
            },
            "scrapes no scheduler",
        ),
        (
            {"workers": {"autoscaling": {"enabled": True}}, "pools": [{"name": "a"}, {"name": "b"}]},
            "share more than the whole",
        ),
    ],
)
def test_it_is_refused_with_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(helm.HelmRenderError) as refusal:
        render(EXTERNAL | values)

    said = str(refusal.value).splitlines()[-1]
    assert sentence in said
    assert said.endswith(".")


def test_the_least_that_is_needed_is_enough() -> None:
    assert len(render(EXTERNAL).of("Deployment")) == 2

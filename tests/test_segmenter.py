"""The model of the settings: which weights and options it gets."""

import math
import re
from dataclasses import fields, replace
from pathlib import Path
from unittest.mock import Mock

import pytest

import segmenter
from config import ConfigError, Settings
from core.decoders.decoder_pool import MAX_SECONDS
from core.decoders.messages import Limits
from core.errors import ModelError
from core.labels import LABELS
from core.output.encode import encode_map
from core.types import EngineOptions
from core.weights.registry import MOBILE, Weights
from segmenter import __version__, create_model, find_weights, precision_of, resolved, unlimited
from tests.support.observer import Recorder
from tests.support.paths import CHELSEA
from tests.support.service import TIMEOUT


def test_version_is_a_semantic_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_find_weights_of_default_settings_returns_bundled_graph() -> None:
    weights = find_weights(Settings())
    assert (weights.model_type, weights.path, weights.labels) == ("mobile", MOBILE, LABELS)


def test_find_weights_with_model_path_returns_custom_graph_with_its_labels(tmp_path: Path) -> None:
    graph, labels = tmp_path / "graph.pb", tmp_path / "labels.txt"
    graph.write_bytes(b"graph")
    labels.write_text("background\nroof\n")
    weights = find_weights(Settings(model_type="full", model_path=graph, model_labels=labels))
    assert (weights.path, weights.labels) == (graph, ("background", "roof"))


def test_find_weights_of_missing_graph_raises_error_with_command(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"missing: {tmp_path}/\S+\.pb; get it with: python cli\.py fetch full"):
        find_weights(Settings(model_type="full", model_cache=tmp_path))


def test_find_weights_compares_graph_with_checksum_of_settings() -> None:
    with pytest.raises(ModelError, match=f"expected {'a' * 128}"):
        find_weights(Settings(model_sha512={"mobile": "a" * 128}))


def test_create_model_of_missing_graph_raises_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"python cli\.py fetch full"):
        create_model(Settings(model_type="full", model_cache=tmp_path))


def test_create_model_passes_settings_to_model(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Mock()
    monkeypatch.setattr(segmenter, "ModelWrapper", model)
    settings = Settings(
        image_size=33, canvas="fixed", precision="bfloat16", threads=6, queue_size=5, request_timeout=7.0
    )
    assert create_model(settings) is model.return_value
    weights, options, queue, pool = model.call_args.args
    assert weights == find_weights(settings)
    assert options == EngineOptions(threads=6, canvas="fixed", precision="bfloat16")
    assert (queue.workers, queue.size, queue.timeout) == (settings.concurrency, 5, 7.0)
    assert (pool.limits, pool.timeout) == (Limits(33, settings.max_image_pixels), 3.5)


def test_create_model_with_weights_does_not_search_others(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Mock()
    monkeypatch.setattr(segmenter, "ModelWrapper", model)
    weights = Weights("own", "unknown", Path("graph.pb"), "0" * 64)
    create_model(Settings(model_path=Path("missing.pb")), weights)
    assert model.call_args.args[0] is weights


def test_precision_auto_is_int8_only_for_graph_with_calibration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmenter, "fastest_precision", lambda int8_ready: "int8" if int8_ready else "bfloat16")
    settings = Settings.from_environment({"PRECISION": "auto"})
    assert precision_of(settings) == "int8"
    assert resolved(settings) == replace(settings, precision="int8")
    assert precision_of(Settings(precision="auto", model_type="full")) == "bfloat16"
    custom = Settings(precision="auto", model_path=tmp_path / "graph.pb")
    assert precision_of(custom) == "bfloat16"
    (tmp_path / "graph.int8.json").touch()
    assert precision_of(custom) == "int8"


def test_create_model_of_precision_auto_serves_and_names_the_resolved_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter, "fastest_precision", lambda int8_ready: "float32")
    model = create_model(Settings(precision="auto", image_size=33, threads=1, request_timeout=TIMEOUT))
    model.loading.result(TIMEOUT)
    assert model.serving["precision"] == "float32"


def test_precision_int8_on_cpu_without_kernels_raises_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter, "computes_int8", lambda: False)
    with pytest.raises(ConfigError, match=r"PRECISION='int8'.*needs an x86-64 CPU with AVX2; allowed: float32 or auto"):
        resolved(Settings(precision="int8"))


def test_precision_bfloat16_on_cpu_that_computes_it_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter, "computes_bfloat16", lambda: True)
    assert resolved(Settings(precision="bfloat16")).precision == "bfloat16"


def test_precision_bfloat16_on_other_cpu_raises_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter, "computes_bfloat16", lambda: False)
    with pytest.raises(ConfigError, match=r"PRECISION='bfloat16'.*does not compute it.*allowed: float32 or auto"):
        resolved(Settings(precision="bfloat16"))


def test_model_of_small_image_size_segments_photo_and_observes_each_stage() -> None:
    recorder = Recorder()
    settings = Settings(image_size=33, threads=1, request_timeout=TIMEOUT)
    model = create_model(settings, observer=recorder)
    model.loading.result(TIMEOUT)
    encoded = model.segment(CHELSEA.read_bytes(), encode_map)
    assert encoded.width_height == (33, 21)
    assert encoded.seg_map.shape == (21, 33)
    assert {stage for stage, _ in recorder.stages} == {"queue", "decode", "inference", "encode"}
    assert all(seconds >= 0 for _, seconds in recorder.stages)


def test_each_duration_of_requests_is_unlimited_in_commands() -> None:
    of_connections = {"idle_timeout"}
    durations = {field.name for field in fields(Settings) if field.type is float} - of_connections
    for name in durations:
        assert getattr(unlimited(Settings()), name) == math.inf, f"add {name} to unlimited() in segmenter.py"


def test_model_of_unlimited_settings_segments_and_has_no_deadline() -> None:
    model = create_model(unlimited(Settings(image_size=33, request_timeout=1)))
    # A decoder that hangs is ended all the same.
    assert (model.queue.timeout, model.decoders.timeout) == (math.inf, MAX_SECONDS)
    model.loading.result(TIMEOUT)
    assert model.segment(CHELSEA.read_bytes(), None).width_height == (33, 21)
    assert model.broken == ""

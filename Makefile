# Every target creates the virtual environment that it needs; Python 3.11 is the only requirement of `run` and `test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
FUZZ := .venv-fuzz
INTEGRATIONS := .venv-integrations
# Duration of each fuzzer.
SECONDS ?= 60
GRAPH := assets/deeplabv3_mnv2_pascal_trainval.pb
PACKAGE := @codait/max-image-segmenter@0.3.0

.PHONY: help run test test-all check format docs deploy-check rolling bench soak archive fuzz integrations graph clean
.DEFAULT_GOAL := help

help:  ## print this list
	@sed -En 's/^([a-z-]+):.*##[[:space:]]*(.*)/\1#\2/p' $(MAKEFILE_LIST) | \
		while IFS='#' read -r target help; do printf '  %-14s%s\n' "$$target" "$$help"; done

run: $(VENV)/run  ## serve on http://localhost:5000
	$(BIN)/python app.py

test: $(VENV)/test  ## run the tests that are not marked slow; ARGS=PYTEST_OPTIONS, VOC_VAL=FOLDER
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-all: $(VENV)/test  ## run all tests; those whose tool or data is missing are skipped, see CONTRIBUTING.md
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/test  ## check lint, format, spelling and types; changes no file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

format: $(VENV)/test  ## fix lint errors where ruff can, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/test  ## write the generated tables of settings in README.md and docs/settings.md
	$(BIN)/python -m docs.generate

deploy-check: $(VENV)/test  ## check deploy/ against the Kubernetes and Compose schemas and against the code
	$(BIN)/python -m pytest tests/deploy $(ARGS)

rolling: $(VENV)/test  ## replace and kill replicas under load, behind HAProxy; needs haproxy; ARGS=--help
	$(BIN)/python -m benchmarks.rollout $(ARGS)

bench: $(BENCH)/installed  ## compare with other engines and servers; ARGS=--quick, VOC_VAL=FOLDER
	$(BENCH)/bin/python -m benchmarks.http.overhead
	$(BENCH)/bin/python -m benchmarks.precisions
	$(BENCH)/bin/python -m benchmarks.engines $(if $(VOC_VAL),--voc $(VOC_VAL)) $(ARGS)
	$(BENCH)/bin/python -m benchmarks.http.throughput $(ARGS)

soak: $(VENV)/test  ## stress test, 15 minutes or more; ARGS=--short
	$(BIN)/python -m benchmarks.soak $(ARGS)

archive: $(VENV)/test  ## test `cli.py batch` with thousands of files; VOC_VAL=FOLDER
	$(BIN)/python -m benchmarks.batch $(VOC_VAL) $(ARGS)

fuzz: $(FUZZ)/installed  ## fuzz the decoder and the HTTP service; SECONDS=60 each
	$(FUZZ)/bin/python -m fuzz.decoder -max_total_time=$(SECONDS) -verbosity=0 -print_final_stats=1
	$(FUZZ)/bin/python -m fuzz.service $(SECONDS)

integrations: $(INTEGRATIONS)/installed $(VENV)/run  ## test integrations/ with the libraries of CVAT and Label Studio
	$(INTEGRATIONS)/bin/python -m pytest --confcutdir=tests/integrations tests/integrations $(ARGS)

graph: $(VENV)/run  ## rebuild the mobile graph from its npm package; needs npm and a network
	$(eval DOWNLOAD := $(shell mktemp -d))
	npm pack --silent --pack-destination $(DOWNLOAD) $(PACKAGE)
	$(BIN)/python -m assets.convert $(DOWNLOAD)/*.tgz $(GRAPH)
	rm -r $(DOWNLOAD)

clean:  ## remove the virtual environments and caches
	rm -rf $(VENV) $(BENCH) $(FUZZ) $(INTEGRATIONS) fuzz/corpus .*_cache

$(VENV)/run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/test: $(addsuffix /requirements.txt,tests commands/batch commands/watch commands/export api/tracing) $(VENV)/run
	$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

$(BENCH)/installed: requirements.txt tests/requirements.txt benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	touch $@

$(FUZZ)/installed: requirements.txt fuzz/requirements.txt
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/pip install --quiet --disable-pip-version-check -r fuzz/requirements.txt
	touch $@

$(INTEGRATIONS)/installed: tests/integrations/requirements.txt integrations/cvat/requirements.txt \
		integrations/label_studio/requirements.txt
	$(PYTHON) -m venv $(INTEGRATIONS)
	$(INTEGRATIONS)/bin/pip install --quiet --disable-pip-version-check -r tests/integrations/requirements.txt
	touch $@

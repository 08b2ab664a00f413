# Every target creates the virtual environment that it needs. CONTRIBUTING.md tells what each target needs and how long
# it takes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECK := .venv-check
BENCH := .venv-bench
FUZZ := .venv-fuzz
INTEGRATIONS := .venv-integrations
CLIENTS := .venv-clients
LABEL_STUDIO := .venv-label-studio
# Duration of each fuzzer.
SECONDS ?= 60
GRAPH := assets/deeplabv3_mnv2_pascal_trainval.pb
PACKAGE := @codait/max-image-segmenter@0.3.0

# One worker process per core, as far as the memory allows (tests/conftest.py). The tests of a file share its fixtures, so
# each worker begins with whole folders; one that has no tests left takes over half of another's.
PARALLEL := --numprocesses=auto --dist=worksteal

.PHONY: help run quick test test-all check format docs screenshot deploy-check rolling bench soak archive fuzz integrations graph clean
.DEFAULT_GOAL := help

# $(call create,FOLDER) creates an environment, or ends make with the line of core.supported. $(error) prints nothing else;
# a command that fails would add a line of make.
refusal = $(subst error: ,,$(shell message=$$($(PYTHON) -m core.supported 2>&1) || echo "$$message"))
# Python compiles what it imports. Without --no-compile, pip would first compile tens of thousands of modules that nothing
# imports, TensorFlow's most of all, for most of a minute.
install := install --quiet --disable-pip-version-check --no-compile
hint := To use another Python: make PYTHON=python3.12
create = $(if $(refusal),$(error $(refusal). $(hint)))$(PYTHON) -m venv $(1)

help:  ## print this list
	@sed -En 's/^([a-z-]+):.*##[[:space:]]*(.*)/\1#\2/p' $(MAKEFILE_LIST) | \
		while IFS='#' read -r target help; do printf '  %-14s%s\n' "$$target" "$$help"; done

run: $(VENV)/run  ## serve on http://localhost:5000
	$(BIN)/python app.py

quick: $(VENV)/test  ## run the tests that start no process and load no TensorFlow; ARGS=PYTEST_OPTIONS
	$(BIN)/python -m pytest --quick -m "not slow" $(PARALLEL) $(ARGS)

test: $(VENV)/test  ## run the tests that are not marked slow; ARGS=PYTEST_OPTIONS, VOC_VAL=FOLDER
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL) $(ARGS)

test-all: $(VENV)/test  ## run all tests; those whose tool or data is missing are skipped, see CONTRIBUTING.md
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

check: $(CHECK)/installed  ## check lint, format, spelling and types; changes no file
	$(CHECK)/bin/ruff check .
	$(CHECK)/bin/ruff format --check .
	$(CHECK)/bin/codespell
	$(CHECK)/bin/mypy

format: $(CHECK)/installed  ## fix lint errors where ruff can, and format
	$(CHECK)/bin/ruff check --fix .
	$(CHECK)/bin/ruff format .

docs: $(VENV)/test  ## write the generated tables of settings in README.md and docs/settings.md
	$(BIN)/python -m docs.generate

screenshot: $(VENV)/test  ## renew docs/demo.png, the picture of the page at /demo; needs chromium
	$(BIN)/python -m docs.screenshot

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

integrations: $(INTEGRATIONS)/installed $(CLIENTS)/installed $(LABEL_STUDIO)/installed $(VENV)/run  ## test integrations/ and generated clients
	$(INTEGRATIONS)/bin/python -m pytest --confcutdir=tests/integrations tests/integrations $(ARGS)

graph: $(VENV)/run  ## rebuild the mobile graph from its npm package; needs npm and a network
	$(eval DOWNLOAD := $(shell mktemp -d))
	npm pack --silent --pack-destination $(DOWNLOAD) $(PACKAGE)
	$(BIN)/python -m assets.convert $(DOWNLOAD)/*.tgz $(GRAPH)
	rm -r $(DOWNLOAD)

clean:  ## remove the virtual environments and caches
	rm -rf $(VENV) $(CHECK) $(BENCH) $(FUZZ) $(INTEGRATIONS) $(CLIENTS) $(LABEL_STUDIO) fuzz/corpus .*_cache

$(VENV)/run: requirements.txt
	$(call create,$(VENV))
	$(BIN)/pip $(install) -r requirements.txt
	touch $@

$(VENV)/test: $(addsuffix /requirements.txt,tests commands/batch commands/watch commands/export api/tracing) $(VENV)/run
	$(BIN)/pip $(install) -r tests/requirements.txt
	touch $@

# Pins only: pip would install the packages of a line `-r FILE` in a file of constraints, and rejects extras in it.
$(CHECK)/installed: tests/requirements-check.txt requirements.txt tests/requirements.txt commands/watch/requirements.txt \
		api/tracing/requirements.txt
	$(call create,$(CHECK))
	sed -e '/^-/d' -e 's/\[.*\]//' $(filter-out $<,$^) > $(CHECK)/constraints.txt
	$(CHECK)/bin/pip $(install) -c $(CHECK)/constraints.txt -r $<
	touch $@

$(BENCH)/installed: requirements.txt tests/requirements.txt benchmarks/requirements.txt
	$(call create,$(BENCH))
	$(BENCH)/bin/pip $(install) -r benchmarks/requirements.txt
	touch $@

$(FUZZ)/installed: requirements.txt fuzz/requirements.txt
	$(call create,$(FUZZ))
	$(FUZZ)/bin/pip $(install) -r fuzz/requirements.txt
	touch $@

$(INTEGRATIONS)/installed: tests/integrations/requirements.txt integrations/cvat/requirements.txt \
		integrations/label_studio/requirements.txt
	$(call create,$(INTEGRATIONS))
	$(INTEGRATIONS)/bin/pip $(install) -r tests/integrations/requirements.txt
	touch $@

# Without npm, the tests of TypeScript are skipped.
$(CLIENTS)/installed: $(addprefix tests/integrations/clients/,requirements.txt package.json package-lock.json)
	$(call create,$(CLIENTS))
	$(CLIENTS)/bin/pip $(install) -r $<
	cp $(filter %.json,$^) $(CLIENTS)
	! command -v npm > /dev/null || npm ci --prefix $(CLIENTS) --silent --ignore-scripts --no-audit --no-fund
	touch $@

$(LABEL_STUDIO)/installed: tests/integrations/label_studio/requirements.txt
	$(call create,$(LABEL_STUDIO))
	$(LABEL_STUDIO)/bin/pip $(install) -r $<
	touch $@

# `make run` and `make test` need Python 3.11 and nothing else: each makes the environment it uses.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
FUZZ := .venv-fuzz
# Of each kind of fuzzing.
SECONDS ?= 60
GRAPH := assets/deeplabv3_mnv2_pascal_trainval.pb
PACKAGE := @codait/max-image-segmenter@0.3.0

.PHONY: run test check format docs deploy-check rolling bench soak archive fuzz graph clean

run: $(VENV)/run  ## serve on http://localhost:5000
	$(BIN)/python app.py

test: $(VENV)/test  ## run the tests
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/test  ## lint, format and types, without changing a file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/test  ## mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/test  ## rewrite the README's generated tables
	$(BIN)/python docs/generate.py

deploy-check: $(VENV)/test  ## check what is in deploy/, its schemas and against the code
	$(BIN)/python -m pytest tests/test_deploy.py $(ARGS)

rolling: $(VENV)/test  ## replace and kill replicas under load, behind HAProxy (Debian's); ARGS=--help
	$(BIN)/python benchmarks/rolling.py $(ARGS)

bench: $(BENCH)/installed  ## compare with other engines and servers; ARGS=--quick, VOC_VAL=FOLDER
	$(BENCH)/bin/python benchmarks/overhead.py
	$(BENCH)/bin/python benchmarks/engines.py $(if $(VOC_VAL),--voc $(VOC_VAL)) $(ARGS)
	$(BENCH)/bin/python benchmarks/service.py $(ARGS)

soak: $(VENV)/test  ## try to break the service for ten minutes or more; ARGS=--short
	$(BIN)/python benchmarks/soak.py $(ARGS)

archive: $(VENV)/test  ## hold batch against thousands of files; VOC_VAL=FOLDER
	$(BIN)/python benchmarks/archive.py $(VOC_VAL) $(ARGS)

fuzz: $(FUZZ)/installed  ## send hostile files to the decoder and hostile requests to the service; SECONDS=60 of each
	$(FUZZ)/bin/python -m fuzz.decoder -max_total_time=$(SECONDS) -verbosity=0 -print_final_stats=1
	$(FUZZ)/bin/python -m fuzz.service $(SECONDS)

graph: $(VENV)/run  ## rebuild the mobile graph from its npm package; needs npm and a network
	$(eval DOWNLOAD := $(shell mktemp -d))
	npm pack --silent --pack-destination $(DOWNLOAD) $(PACKAGE)
	$(BIN)/python assets/convert.py $(DOWNLOAD)/*.tgz $(GRAPH)
	rm -r $(DOWNLOAD)

clean:  ## remove what make made
	rm -rf $(VENV) $(BENCH) $(FUZZ) fuzz/corpus .*_cache

$(VENV)/run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/test: tests/requirements.txt commands/batch/requirements.txt $(VENV)/run
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

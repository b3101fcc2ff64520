# demo, test, check, bench: each sets up all it needs in .venv, and nothing outside it.
# PYTHON chooses the interpreter .venv is made with (3.11 or 3.12; newer ones go without pynq).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= 2

# No tool may look for its own newer version or fetch itself, nor leave its cache in the home folder.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PRE_COMMIT_HOME := $(CURDIR)/$(VENV)/cache/pre-commit
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYRIGHT_PYTHON_FORCE_VERSION PYRIGHT_PYTHON_PYLANCE_VERSION
# A caller's own import path must not stand in for what is installed in .venv.
unexport PYTHONPATH PYTHONHOME

.PHONY: help demo test test-core check bench tools clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo    the main job: two ONNX networks on a virtual PYNQ-Z2, from file to table'
	@echo 'make test    every test, with coverage'
	@echo 'make check   style, types, import order'
	@echo 'make bench   how fast and how accurate, side by side'
	@echo 'make clean   remove .venv, .venv-core and every tool cache in this folder'

demo: $(VENV)/.installed-demo
	@$(BIN)/python examples/digits_demo.py

test: $(VENV)/.installed-all
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --cov --cov-report term $(ARGS)

# Without extras and with numpy 2, which pynq does not allow: the tests that need no extra.
test-core: .venv-core/.installed
	.venv-core/bin/python -m pytest --junitxml .venv-core/tests.xml $(ARGS)
	@.venv-core/bin/python .ci/ran.py .venv-core/tests.xml boards hls sim host

check: $(VENV)/.installed-all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright -p .src --stats >$(VENV)/pyright.log || { cat $(VENV)/pyright.log; exit 1; }
	@grep '^Found [1-9][0-9]* source files' $(VENV)/pyright.log
	$(BIN)/lint-imports
	$(BIN)/pre-commit validate-config .pre-commit-config.yaml

bench: $(VENV)/.installed-all
	$(BIN)/python -m pytest tests/bench -o python_files='bench_*.py' -o python_functions='bench_*' --capture=no $(ARGS)

tools:
	@.ci/tools '$(PYTHON)'

$(VENV)/.installed-demo: pyproject.toml .ci/install | tools
	@.ci/install '$(PYTHON)' $(VENV) '.[hls,pynq]' 'scikit-learn>=1.4'
	@touch $@

$(VENV)/.installed-all: pyproject.toml .ci/install | tools
	@.ci/install '$(PYTHON)' $(VENV) '.[all]'
	@touch $@ $(VENV)/.installed-demo

.venv-core/.installed: pyproject.toml .ci/install | tools
	@.ci/install '$(PYTHON)' .venv-core . 'numpy>=2' 'pytest>=9' 'hypothesis>=6'
	@touch $@

clean:
	rm -rf $(VENV) .venv-core build dist .src/weft.egg-info .coverage .coverage.*
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

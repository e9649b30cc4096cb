# SPDX-License-Identifier: Apache-2.0
# Everything that is done with this project. `make help` lists it.
# Each target installs what it needs; a machine with Debian, Rust and Go is enough.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

with := e2e/cluster/with
nextest = PATH="$$(tools/build nextest):$$PATH" cargo nextest run
# What `make unit` had to begin anew.
disturbed := $(CURDIR)/target/disturbed.txt
images := target/images/upsurge-operator.tar target/images/upsurge-runner.tar target/images/prometheus.tar

# What the end-to-end tests and the demo need to know.
export UPSURGE_IMAGES_DIR := $(CURDIR)/target/images
export UPSURGE_CHART_DIR := $(CURDIR)/charts/upsurge
# Deadlines of their waits are those of a quiet machine, times this.
export E2E_TIMEOUT_FACTOR ?= 2

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

.PHONY: build
build: ## Compile everything for development
	cargo build --workspace --all-targets

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all

.PHONY: lint
lint: ## Check scripts, prose, links, format, clippy and the documentation; warnings are errors
	tools/check-scripts
	tools/check-prose
	tools/book
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' cargo doc --workspace --no-deps --document-private-items

.PHONY: unit
unit: ## Tests that need no cluster
	gates/tests/run
	cargo build --package upsurge-testing --bin undisturbed
	rm -f $(disturbed)
	export UPSURGE_REQUIRE_PROMETHEUS=1 UPSURGE_REQUIRE_SERVERS=1 UPSURGE_REQUIRE_PYTHON=1 UPSURGE_DISTURBED=$(disturbed) \
	  PATH="$$(tools/build prometheus):$$(tools/build servers):$$PATH:$$(tools/build python)"; \
	  $(nextest) --workspace --profile watched
	@if [ -e $(disturbed) ]; then echo "Begun anew, as the machine stood still:"; cat $(disturbed); fi
	tools/doc-tests

.PHONY: generate
generate: ## Write the CRD manifests, the schemas and the pages of all fields and metrics from the types
	cargo run --quiet -p upsurge-crds --bin crdgen -- --schema crds/schemas/loadtest.json crds/manifests charts/upsurge/files/crds
	cargo run --quiet -p upsurge-core --bin docgen -- docs/src/reference
	cargo run --quiet -p upsurge-record --bin recordgen -- record/schema.json
	$(MAKE) report-picture

.PHONY: generate-chart
generate-chart: ## Write the schema and the README of the chart's values, and what kustomize installs, from the chart
	tools/generate-chart

.PHONY: check-generated
check-generated: ## Fail when a generated file is not what the types say
	@rm -rf target/generated
	cargo run --quiet -p upsurge-crds --bin crdgen -- --schema target/loadtest.json target/generated
	diff -ru --exclude=kustomization.yaml crds/manifests target/generated || { echo 'run: make generate' >&2; exit 1; }
	diff -u crds/schemas/loadtest.json target/loadtest.json || { echo 'run: make generate' >&2; exit 1; }
	diff -ru charts/upsurge/files/crds target/generated || { echo 'run: make generate' >&2; exit 1; }
	@rm -rf target/reference
	cargo run --quiet -p upsurge-core --bin docgen -- target/reference
	for page in target/reference/*.md; do diff -u docs/src/reference/$${page##*/} $$page || { echo 'run: make generate' >&2; exit 1; }; done

.PHONY: report-picture
report-picture: ## Draw the picture of a report for the documentation, of a played run
	cargo run --quiet -p upsurge-report --example played -- svg >target/report.svg
	mv target/report.svg docs/src/how-to/report.svg

.PHONY: report-font
report-font: ## Cut the font of reports as PNG to the characters of charts
	tools/font write

# Not part of `make test`: it fetches a browser.
.PHONY: report-browser
report-browser: ## Look at reports with a real Chromium and axe-core; leaves pictures in target/report-pictures
	uplot=$$(tools/build uplot); for file in dist/uPlot.iife.min.js dist/uPlot.min.css LICENSE; do \
	  cmp "$$uplot/$$file" "$$(case $$file in LICENSE) echo report/src/assets/uPlot.LICENSE ;; *) echo report/src/assets/$${file#dist/} ;; esac)"; done
	tools/font check
	UPSURGE_CHROMIUM=$$(tools/build chromium)/chromium UPSURGE_AXE=$$(tools/build axe)/axe.min.js \
	  UPSURGE_SCREENSHOTS=$(CURDIR)/target/report-pictures $(nextest) --workspace --test browser --run-ignored only

.PHONY: docs
docs: ## Make a book of the documentation, target/book/html, and follow its links
	tools/book

.PHONY: chart
chart: ## Lint, render, validate and unit-test the Helm chart
	tools/check-chart

.PHONY: images
images: ## Static binaries and the image archives in target/images
	build/images

.PHONY: release-dry-run
release-dry-run: ## Make a release as far as that is possible here, check it, publish nothing: target/release-artifacts
	build/release/dry-run

.PHONY: cluster-up
cluster-up: ## Start the cluster that CLUSTER names (bundled, kind or current)
	$(with) up

.PHONY: cluster-load
cluster-load: images ## Give it the images
	$(with) load $(images)

# A shell ends as its last command did, which says nothing about this target.
.PHONY: cluster-shell
cluster-shell: ## Open a shell in which kubectl and helm reach it
	@$(with) exec true
	@$(with) shell || true

.PHONY: cluster-down
cluster-down: ## Take it down
	$(with) down

# The tests are compiled outside the cluster's network, which has no way out. Leaves the cluster up.
# `--workspace` wherever tests are compiled: Cargo gives dependencies other features for one package than for all, and would
# compile everything once more for each. Which package's tests are run is said by the profile.
# First the whole product, then, without it, the operator's parts that speak to an API server.
.PHONY: e2e
e2e: images cluster-up ## Tests on a real cluster (TESTS=filter picks some of them)
	$(with) load $(images)
	$(nextest) --workspace --profile e2e --no-run
	$(nextest) --workspace --test cluster --run-ignored only --no-run
	PATH="$$(tools/build go):$$(tools/build nextest):$$PATH" $(with) exec \
	  cargo nextest run --offline --workspace --profile e2e $(TESTS)
	$(if $(TESTS),,PATH="$$(tools/build go):$$PATH" $(with) exec e2e/uninstall)
	$(if $(TESTS),,PATH="$$(tools/build nextest):$$PATH" $(with) exec \
	  cargo nextest run --offline --workspace --test cluster --run-ignored only)

# Not part of `make test`: the first time, it compiles an earlier release, and this one twice more: for arm64, and from the source alone.
# First which of its rights the operator used: that says something only after `make e2e` on the same cluster, and not any more
# once the earlier release has been there, which asks for others.
.PHONY: e2e-full
e2e-full: images cluster-up ## After make e2e: what takes longer, such as an upgrade from an earlier commit (TESTS=filter)
	previous=$$(tools/build previous); gate=$$(tools/build gate-image); telemetry=$$(tools/build telemetry-image); keda=$$(tools/build keda-itself); \
	  $(with) load $(images) "$$previous"/upsurge-*.tar "$$gate"/gate.tar "$$telemetry"/telemetry.tar "$$keda"/keda.tar
	$(nextest) --workspace --profile e2e --run-ignored only --no-run
	$(if $(TESTS),,PATH="$$(tools/build go):$$(tools/build nextest):$$PATH" $(with) exec bash -c \
	  'if [ "$${E2E_AUDIT_LOG:-}" ]; then cargo nextest run --offline --workspace --profile e2e --test rights --run-ignored only; \
	   else echo "Rights are not compared with their use: only the bundled cluster keeps an audit log."; fi')
	UPSURGE_PREVIOUS_DIR=$$(tools/build previous) E2E_KWOK=$$(tools/build kwok)/kwok \
	  E2E_ARGO_ROLLOUTS=$$(tools/build argo-rollouts) E2E_FLAGGER=$$(tools/build flagger) E2E_GITOPS=$$(tools/build gitops) \
	  E2E_MONITORING=$$(tools/build monitoring) E2E_KEDA=$$(tools/build keda) E2E_KEDA_ITSELF=$$(tools/build keda-itself) \
	  PATH="$$(tools/build servers):$$(tools/build go):$$(tools/build nextest):$$PATH" $(with) exec cargo nextest run --offline --workspace \
	  --profile e2e --run-ignored only --test faults --test targets --test serial_chart --test capacity --test upgrade --test serial_tls --test runner_pods --test docs --test gates \
	  --test usage --test command --test runner_fields --test outputs --test gitops --test starts --test lifecycle --test surroundings \
	  --test inconclusive --test beyond --test serial_values --test serial_keda --test serial_keda_itself --test serial_namespaced \
	  --test too_slow --test several --test limited_by --test rollout_at_start --test from_zero \
	  --test serial_scripted_capacity --test serial_custom_metrics --test serial_flapping \
	  --test serial_kustomize --test serial_pinning --test serial_scalability --test serial_scalability_truth --test serial_sizes \
	  --test record_stores $(TESTS)
	$(if $(TESTS),,$(nextest) --workspace -E 'package(upsurge-figures)' --run-ignored only)
	$(if $(TESTS),,$(MAKE) report-browser)
	$(if $(TESTS),,$(MAKE) release-dry-run)
	$(if $(TESTS),,build/from-source $$(dpkg --print-architecture))
	$(if $(TESTS),,PATH="$$(tools/build go):$$(tools/build release):$$(tools/build nextest):$$PATH" $(with) exec e2e/from-registry)

.PHONY: test
test: ## Everything: lint, unit, check-generated, chart, images, then e2e on a cluster of its own
	tools/test

.PHONY: demo
demo: images cluster-up ## A spike on a sample service: watch its autoscaler work, then read the verdict
	$(with) load $(images)
	PATH="$$(tools/build go):$$PATH" $(with) exec e2e/demo.sh

.PHONY: bench
bench: ## Measure the engine beside wrk, oha, hey, ab, vegeta, k6 and Artillery, and write the page of the results
	bench/run

.PHONY: bench-soak
bench-soak: ## Watch the engine's memory for half an hour (SOAK_MINUTES)
	bench/run-soak

.PHONY: bench-build
bench-build: ## Measure how long the images' binaries take to compile
	bench/run-build

.PHONY: bench-cluster
bench-cluster: images cluster-up ## Measure how fast runs start and what the operator costs
	$(with) load $(images)
	PATH="$$(tools/build go):$$PATH" $(with) exec bench/run-cluster

.PHONY: bench-scale
bench-scale: ## Measure the operator beside 10,000 runs kept and 500 runners (CASES, SCALE_FACTOR, SCALE_MINUTES)
	bench/run-scale $(CASES)

.PHONY: deny
deny: ## Check the dependencies' licences and sources, and for duplicates and bans
	PATH="$$(tools/build deny):$$PATH" cargo deny check bans licenses sources

.PHONY: tools
tools: ## Build or fetch helm, kubeconform, kind, nextest, mdbook, vale, Prometheus and Kubernetes' schemas
	@tools/build go
	@tools/build nextest
	@tools/build mdbook
	@tools/build prose
	@tools/build prometheus
	@tools/build schemas
	@tools/build monitoring

.PHONY: clean
clean: ## Remove what was built here (caches outside the checkout stay)
	cargo clean

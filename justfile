# Phases of `.ci/run`, one recipe each. `just` lists them.

# List the recipes.
default:
    @just --list --unsorted

# Everything that has to hold before a change lands.
ci:
    .ci/run

# Unit, integration and documentation tests.
test:
    .ci/run test

# From an alert to a report, in one process.
demo:
    .ci/run demo

# Formatting, without changing anything.
fmt:
    .ci/run fmt

# Clippy on all targets; a warning is an error.
lint:
    .ci/run lint

# Documentation; a broken link is an error.
docs:
    .ci/run docs

# Each feature of each crate by itself.
features:
    .ci/run features

# Licences, bans, sources and advisories of the dependencies.
deny:
    .ci/run deny

# Programs of the testbed, built.
components:
    .ci/run components

# Suites against real components.
testbed:
    .ci/run testbed

# Format the code.
format:
    cargo fmt --all

# More than 100,000 changes to audit logs, each of which has to be found; `.ci/run test` makes some thousands of them.
audit-mutations:
    cargo test --workspace --lib all_mutations_are_found -- --ignored --nocapture

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

# The whole sweep of crashes: 20 seeds, plans of 1 to 20 actions, at least 1,000 crash points each, by one leader and by two.
# With optimization of our own crates alone: those of others are compiled as for all tests.
crash-sweep:
    CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo test -p claw-guardrails --lib at_any_of_a_thousand -- --ignored --nocapture

# Mutation testing of policy, approval and audit: `.cargo/mutants.toml` says how to get the tool, and what is left out.
mutants *ARGS:
    cargo mutants --test-package claw-guardrails {{ARGS}}

# Decisions beside those of Cedar and regorus, by the same rules. Outside the workspace: see the README there.
bench-rivals:
    cd claw-guardrails/benches/rivals && cargo run --release

//! `claw-testbed`: real components for tests, up and down by one command.

mod cli;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use cli::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(
                &format!("no threads can be started; raise the process limits: {error}"),
                1,
            );
        }
    };
    match runtime.block_on(cli::run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.line(), error.code()),
    }
}

fn fail(line: &str, code: u8) -> ExitCode {
    // Nobody can be told when standard error is closed.
    let _ = writeln!(std::io::stderr(), "claw-testbed: {line}");
    ExitCode::from(code)
}

//! The commands.

pub(crate) mod arguments;
mod build;
mod fault;
mod load;
mod place;
mod progress;
mod test;
mod up;

use std::io::Write as _;

use claw_testbed::error::Error;

use arguments::{Arguments, Command};

/// Does what the command line says.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Error> {
    let cache = arguments.cache();
    match arguments.command {
        Command::Build(given) => build::run(&cache, &given).await,
        Command::Up(given) => up::up(&cache, &given).await,
        Command::Down(given) => up::down(&cache, &given).await,
        Command::Status(given) => up::status(&cache, &given),
        Command::Env(given) => up::env(&cache, &given),
        Command::Load(given) => load::run(&cache, &given).await,
        Command::Fault(given) => fault::run(&cache, &given).await,
        Command::Test(given) => test::run(&cache, &given).await,
    }
}

/// A line of the answer. A reader that went away, as `head` does, is no error.
fn print(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", line.as_ref());
}

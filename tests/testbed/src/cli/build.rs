//! `claw-testbed build`

use claw_testbed::builds::Cache;
use claw_testbed::error::Error;
use claw_testbed::modules::{self, Module};
use claw_testbed::up::interrupted;

use super::arguments::BuildArguments;
use super::print;
use super::progress::Progress;

pub(crate) async fn run(cache: &Cache, given: &BuildArguments) -> Result<(), Error> {
    let mut wanted: Vec<&'static Module> = Vec::new();
    for name in &given.names {
        let module = Module::named(name)?;
        if !wanted.iter().any(|other| other.name() == module.name()) {
            wanted.push(module);
        }
    }
    if wanted.is_empty() {
        wanted.extend(modules::ALL);
    }
    for module in wanted {
        let built = cache.find(module)?.is_some();
        if !given.list && !built {
            let progress = Progress::start();
            let said = |what: &str| progress.say(&format!("{}: {what}", module.name()));
            tokio::select! {
                outcome = cache.build(module, &said) => { outcome?; }
                () = interrupted() => return Err(Error::Interrupted),
            }
        }
        describe(
            cache,
            module,
            if built && !given.list {
                "in the cache, "
            } else {
                ""
            },
        )?;
    }
    Ok(())
}

fn describe(cache: &Cache, module: &Module, how: &str) -> Result<(), Error> {
    let Some(record) = cache.record(module)? else {
        let programs: Vec<_> = module.programs().iter().map(|(program, _)| *program).collect();
        print(format!("{:<20} not built: {}", module.name(), programs.join(" ")));
        return Ok(());
    };
    for program in record.programs {
        let what = format!(
            "{:<24} {how}{:.1} s to build, {} MiB",
            program.name, program.seconds, program.mib
        );
        print(format!("{:<20} {what}", module.name()));
    }
    Ok(())
}

//! Something broken for one test, and mended whatever becomes of the test.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt as _;

use crate::error::Error;

/// Does `work`, and then `restore` in every case: when the work has failed, and when it has panicked, which goes on
/// afterwards.
///
/// # Errors
/// That of the work. That of `restore` when the work has none; otherwise it is printed.
pub(super) async fn restored<T>(
    work: impl Future<Output = Result<T, Error>>,
    restore: impl Future<Output = Result<(), Error>>,
) -> Result<T, Error> {
    // Nothing that the work has left half done is looked at before the panic goes on.
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    let restored = restore.await;
    let failed = match outcome {
        Ok(Ok(value)) => return restored.map(|()| value),
        failed => failed,
    };
    if let Err(error) = restored {
        eprintln!("what the test broke is not restored: {}", error.line());
    }
    failed.unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What [`restored`] answers, whether it panics, and whether `restore` was done.
    async fn outcome(
        work: impl Future<Output = Result<u8, Error>>,
        restored_as: Result<(), Error>,
    ) -> (std::thread::Result<Result<u8, Error>>, bool) {
        let done = Cell::new(false);
        let restore = async {
            done.set(true);
            restored_as
        };
        let outcome = AssertUnwindSafe(restored(work, restore)).catch_unwind().await;
        (outcome, done.get())
    }

    #[tokio::test]
    async fn what_is_broken_is_restored_whatever_becomes_of_the_work() {
        let (value, done) = outcome(async { Ok(7) }, Ok(())).await;
        assert!(done && matches!(value, Ok(Ok(7))));
        let (failed, done) = outcome(async { Err(Error::NoPort) }, Ok(())).await;
        assert!(done && matches!(failed, Ok(Err(Error::NoPort))));
        let (panicked, done) = outcome(async { panic!("the test fails") }, Ok(())).await;
        let said = panicked.unwrap_err();
        assert_eq!(said.downcast_ref::<&str>(), Some(&"the test fails"));
        assert!(done);
    }

    #[tokio::test]
    async fn the_first_of_two_failures_is_told() {
        let unrestored = || Err(Error::Interrupted);
        let (value, _) = outcome(async { Ok(7) }, unrestored()).await;
        assert!(matches!(value, Ok(Err(Error::Interrupted))));
        let (failed, _) = outcome(async { Err(Error::NoPort) }, unrestored()).await;
        assert!(matches!(failed, Ok(Err(Error::NoPort))));
        let (panicked, _) = outcome(async { panic!("the test fails") }, unrestored()).await;
        assert!(panicked.is_err());
    }
}

//! Places for checkpoints: what is kept is not lost to others.

use claw_core::audit::CheckpointSink as _;

use super::*;

#[tokio::test]
async fn a_file_sink_keeps_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elsewhere");
    let sink = FileSink::new(&path);
    assert_eq!(sink.newest().await.unwrap(), None);
    for size in [1, 5, 5] {
        sink.keep(&checkpoint(size).sign(&signer(1))).await.unwrap();
    }
    drop(sink);
    // Another process goes on.
    let sink = FileSink::new(&path);
    sink.keep(&checkpoint(8).sign(&signer(1))).await.unwrap();
    assert_eq!(read_all(&std::fs::read(&path).unwrap()).0, [1, 5, 8]);
    assert_eq!(sink.newest().await.unwrap(), Some(checkpoint(8).sign(&signer(1))));
    assert_eq!(sink.name(), format!("file {}", path.display()));
    assert_eq!(StdoutSink.name(), "standard output");
    let lost = FileSink::new(folder.path().join("no/such/folder"));
    let error = lost.keep(&checkpoint(1).sign(&signer(1))).await.unwrap_err();
    assert!(error.to_string().contains("check the disk"), "{error}");
}

#[tokio::test]
async fn two_file_sinks_on_one_file_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elsewhere");
    let (one, two) = (FileSink::new(&path), FileSink::new(&path));
    let keep = |sink: &FileSink, size| {
        let (sink, signed) = (sink.clone(), checkpoint(size).sign(&signer(1)));
        async move { sink.keep(&signed).await }
    };
    keep(&one, 300).await.unwrap();
    let error = keep(&two, 600).await.unwrap_err();
    let source = error.source.as_ref().unwrap().to_string();
    assert!(source.contains("a file of its own"), "{source}");
    keep(&one, 301).await.unwrap();
    drop(one);
    keep(&two, 600).await.unwrap();
    assert_eq!(read_all(&std::fs::read(&path).unwrap()).0, [300, 301, 600]);
    // Where locks are not heeded, nothing that is there is cut off.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(format!("{}\n", checkpoint(700).sign(&signer(1)).note).bytes());
    std::fs::write(&path, &bytes).unwrap();
    assert!(keep(&two, 800).await.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    keep(&two, 800).await.unwrap();
    assert_eq!(
        read_all(&std::fs::read(&path).unwrap()).0,
        [300, 301, 600, 700, 800]
    );
}

#[tokio::test]
async fn a_file_sink_takes_no_other_log_and_none_that_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elsewhere");
    let sink = FileSink::new(&path);
    sink.keep(&checkpoint(9).sign(&signer(1))).await.unwrap();
    let other = Checkpoint {
        origin: "claw-audit/1e".to_owned(),
        ..checkpoint(20)
    };
    for (unfit, reason) in [(other, "of another log"), (checkpoint(8), "was set back")] {
        let error = sink.keep(&unfit.sign(&signer(1))).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    sink.keep(&checkpoint(10).sign(&signer(1))).await.unwrap();
    assert_eq!(read_all(&std::fs::read(&path).unwrap()).0, [9, 10]);
}

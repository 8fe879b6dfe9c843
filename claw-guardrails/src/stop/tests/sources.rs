use claw_core::stop::StopSource as _;

use super::*;

#[tokio::test]
async fn a_file_asks_by_being_there() {
    let place = place();
    let path = place.path("STOP");
    let file = StopFile::new(&path);
    assert_eq!(file.look(&place.cx()).await.unwrap(), None);
    std::fs::write(&path, "  the release misbehaves\n").unwrap();
    assert_eq!(
        file.look(&place.cx()).await.unwrap().as_deref(),
        Some("the release misbehaves")
    );
    std::fs::write(&path, "").unwrap();
    assert_eq!(file.look(&place.cx()).await.unwrap().as_deref(), Some(""));
    std::fs::write(&path, [0xff; 4096]).unwrap();
    assert!(file.look(&place.cx()).await.unwrap().unwrap().len() <= 4096);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(file.look(&place.cx()).await.unwrap().as_deref(), Some(""));
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_leads_nowhere_asks_too() {
    let place = place();
    let path = place.path("STOP");
    std::os::unix::fs::symlink(place.path("nowhere"), &path).unwrap();
    let seen = StopFile::new(&path).look(&place.cx()).await.unwrap();
    assert_eq!(seen.as_deref(), Some(""));
}

#[tokio::test]
async fn a_folder_that_is_not_there_says_nothing() {
    let place = place();
    let error = StopFile::new(place.path("absent/STOP"))
        .look(&place.cx())
        .await
        .unwrap_err();
    assert!(error.reason.contains("mount its folder"), "{error}");
    std::fs::write(place.path("file"), "").unwrap();
    assert!(
        StopFile::new(place.path("file/STOP"))
            .look(&place.cx())
            .await
            .is_err()
    );
}
